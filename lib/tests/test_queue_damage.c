#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/queue.h>

#include "queue_internal.h"

static struct mproc_queue *new_queue(struct mproc_queue_options options)
{
    struct mproc_queue *queue;

    cr_assert_eq(mproc_queue_create(&options, &queue), 0, "%s", mproc_error_detail());
    return queue;
}

/* Whatever the shared memory holds, calls return: with an error, or with what could have been a message. */
static void expect_no_crash(struct mproc_queue *queue)
{
    unsigned char data[3000] = {0};
    struct mproc_queue_stat stat;
    size_t len;
    void *got;

    for (int i = 0; i < 4; i++) {
        mproc_queue_put(queue, data, 20, MPROC_NOW);
        mproc_queue_put(queue, data, sizeof(data), MPROC_NOW);
        mproc_queue_stat(queue, &stat);
        if (mproc_queue_get(queue, MPROC_NOW, &got, &len) == 0)
            free(got);
        mproc_queue_get_into(queue, MPROC_NOW, sizeof(data), data, &len);
    }
}

static void damage(struct mproc_queue *queue, unsigned *seed)
{
    struct {
        unsigned char *start;
        size_t size;
    } places[] = {{(unsigned char *)queue->sides[QUEUE_PRODUCERS], sizeof(struct queue_side)},
                  {(unsigned char *)queue->sides[QUEUE_CONSUMERS], sizeof(struct queue_side)},
                  {queue->ring, 64},
                  {queue->ring, 4096}};
    int count = 1 + rand_r(seed) % 8;

    for (int i = 0; i < count; i++) {
        int place = rand_r(seed) % 4;
        size_t offset = (size_t)rand_r(seed) % places[place].size;
        places[place].start[offset] = (unsigned char)rand_r(seed);
    }
}

Test(queue_damage, never_crashes, .timeout = 60)
{
    unsigned seed = 7;

    for (int round = 0; round < 2000; round++) {
        struct mproc_queue *queue = new_queue(
            (struct mproc_queue_options){.bytes = 4096, .large_bytes = 4096, .pollable = round % 2});
        for (int i = rand_r(&seed) % 6; i > 0; i--)
            cr_assert_eq(mproc_queue_put(queue, "some message", 13, MPROC_NOW), 0);
        damage(queue, &seed);
        expect_no_crash(queue);
        mproc_queue_unref(queue);
    }
}

Test(queue_damage, is_reported, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    struct queue_record *record = (struct queue_record *)(void *)queue->ring;
    void *data = NULL;
    size_t len;

    cr_assert_eq(mproc_queue_put(queue, "some message", 13, MPROC_NOW), 0);
    record->length = 1 << 20;
    cr_expect_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), -EBADMSG);
    record->length = 0xfffffffc;
    cr_expect_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), -EBADMSG);
    *record = (struct queue_record){.length = 13, .state = QUEUE_LARGE};
    cr_expect_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), -EBADMSG);
    cr_expect_null(data);
    queue->sides[QUEUE_CONSUMERS]->marks[0].ring = 1 << 30;
    queue->sides[QUEUE_PRODUCERS]->seen.ring = 1 << 30;
    cr_expect_eq(mproc_queue_put(queue, "", 1, MPROC_NOW), -EBADMSG);
    mproc_queue_unref(queue);
}

Test(queue_damage, of_the_header_is_refused, .timeout = 20)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    struct mproc_parcel parcel;
    unsigned char header[MPROC_SEGMENT_HEADER];
    unsigned seed = 3;
    void *object = NULL;

    cr_assert_eq(mproc_queue_class.pack(queue, &parcel), 0);
    cr_assert_eq(pread(parcel.fds[0], header, sizeof(header), 0), (ssize_t)sizeof(header));
    for (size_t i = 0; i < 48; i++) {
        unsigned char wrong = (unsigned char)(header[i] ^ (1 + rand_r(&seed) % 255));
        cr_assert_eq(pwrite(parcel.fds[0], &wrong, 1, (off_t)i), 1);
        int err = mproc_queue_class.unpack(&parcel, &object);
        cr_expect(err == -EBADMSG || (err == -EXDEV && i >= 40), "byte %zu: %d", i, err);
        cr_assert_eq(pwrite(parcel.fds[0], &header[i], 1, (off_t)i), 1);
    }
    cr_assert_eq(mproc_queue_class.unpack(&parcel, &object), 0);
    mproc_queue_class.unref(object);
    mproc_queue_unref(queue);
}
