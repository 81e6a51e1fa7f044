/* A queue between us and a process that writes whatever it likes into the memory both share, between our
 * calls: each of them returns, with an error or with what could have been a message. */
#include <unistd.h>

#include <mproc/queue.h>

#include "input.h"
#include "queue_internal.h"

enum { STEPS_MAX = 24, BUFFER = 3000 };

static void scribble(struct mproc_queue *queue, struct input *input)
{
    switch (input_byte(input) % 5) {
    case 0:
        input_scribble(input, queue->sides[QUEUE_PRODUCERS], sizeof(struct queue_side));
        break;
    case 1:
        input_scribble(input, queue->sides[QUEUE_CONSUMERS], sizeof(struct queue_side));
        break;
    case 2:
        input_scribble(input, queue->ring, 256);
        break;
    case 3:
        input_scribble(input, queue->ring, (size_t)queue->ring_bytes);
        break;
    default: /* what the other end of the memory file has, and a large message */
        input_scribble(input, mproc_segment_control(&queue->segment, 0), MPROC_SEGMENT_HEADER);
        break;
    }
}

static void get_many(struct mproc_queue *queue)
{
    unsigned char data[BUFFER];
    struct iovec messages[4];
    size_t count;

    if (mproc_queue_get_many(queue, MPROC_NOW, sizeof(data), 4, data, messages, &count))
        return;
    MUST(count >= 1 && count <= 4);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *at = messages[i].iov_base;
        MUST(at >= data && messages[i].iov_len <= (size_t)(data + sizeof(data) - at));
    }
}

static void get(struct mproc_queue *queue)
{
    size_t len;
    void *got;

    if (mproc_queue_get(queue, MPROC_NOW, &got, &len))
        return;
    /* The bytes are there, to the last one. */
    for (size_t i = 0; i < len; i++)
        (void)((volatile unsigned char *)got)[i];
    free(got);
}

static void step(struct mproc_queue *queue, struct input *input)
{
    static unsigned char data[BUFFER];
    struct mproc_queue_stat stat;
    size_t len;

    switch (input_byte(input) % 9) {
    case 0:
        mproc_queue_put(queue, data, input_byte(input), MPROC_NOW);
        break;
    case 1:
        mproc_queue_put(queue, data, sizeof(data), MPROC_NOW);
        break;
    case 2:
        get(queue);
        break;
    case 3:
        get_many(queue);
        break;
    case 4:
        if (mproc_queue_get_into(queue, MPROC_NOW, sizeof(data), data, &len) == 0)
            MUST(len <= sizeof(data));
        break;
    case 5:
        mproc_queue_done(queue, MPROC_NOW);
        mproc_queue_stat(queue, &stat);
        break;
    default:
        scribble(queue, input);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct mproc_queue *queue;
    struct mproc_queue_options options = {.bytes = 4096, .large_bytes = 4096};

    if (input_byte(&input) & 1)
        options.reader_death = MPROC_READER_DEATH_REDELIVERS;
    MUST(mproc_queue_create(&options, &queue) == 0);
    for (int i = 0; i < STEPS_MAX && input.left > 0; i++)
        step(queue, &input);
    mproc_queue_unref(queue);
    return 0;
}
