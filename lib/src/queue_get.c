#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error_internal.h"
#include "queue_internal.h"

/* Where the messages of one call go: one after the other into a buffer, or one into memory of its own. */
struct sink {
    unsigned char *buffer; /* NULL: allocate */
    size_t room;
    struct iovec *messages;
    size_t count;
    size_t taken;
};

/* A message as the ring tells it: checked, and out of reach of other processes. */
struct found {
    uint64_t size; /* in the ring */
    uint64_t length;
    const unsigned char *data; /* NULL: a large one */
    struct queue_large large;
};

static int fail_damaged(uint64_t position)
{
    return mproc_fail(-EBADMSG, "the queue's memory is damaged at position %llu",
                      (unsigned long long)position);
}

/* Looks how far producers are. `ret_empty` is what to wait on when that is no further than `head`.
 * Errors: -EAGAIN, -EPIPE empty. */
static int look_at_producers(struct mproc_queue *queue, const struct queue_mark *head,
                             struct mproc_wait_word *ret_empty)
{
    const struct queue_side *producers = queue->sides[QUEUE_PRODUCERS];
    struct queue_mark tail;
    uint32_t commit = mproc_queue_side_read(producers, &tail);

    queue->sides[QUEUE_CONSUMERS]->seen = tail;
    *ret_empty = (struct mproc_wait_word){&producers->commit, commit};
    if (tail.ring != head->ring)
        return 0;
    return (commit & QUEUE_CLOSED) ? mproc_fail(-EPIPE, "the queue is closed and empty") : -EAGAIN;
}

static int find(const struct mproc_queue *queue, const struct queue_mark *head, struct found *ret_found)
{
    uint64_t available = queue->sides[QUEUE_CONSUMERS]->seen.ring - head->ring;
    const unsigned char *where = queue->ring + (head->ring & (queue->ring_bytes - 1));
    struct queue_record record;

    if (available > queue->ring_bytes || available < sizeof(record) || head->ring % QUEUE_RECORD_ALIGN != 0)
        return fail_damaged(head->ring);
    memcpy(&record, where, sizeof(record));
    where += sizeof(record);
    *ret_found =
        (struct found){.size = queue_record_size(record.length), .length = record.length, .data = where};
    if (ret_found->size > available)
        return fail_damaged(head->ring);
    if (!record.is_large)
        return 0;
    struct queue_large *large = &ret_found->large;
    if (record.length != sizeof(*large))
        return fail_damaged(head->ring);
    memcpy(large, where, sizeof(*large));
    if (large->length > queue->large_bytes ||
        (large->position & (queue->large_bytes - 1)) > queue->large_bytes - large->length)
        return fail_damaged(head->ring);
    ret_found->length = large->length;
    ret_found->data = NULL;
    return 0;
}

static int copy_out(const struct mproc_queue *queue, const struct found *found, void *ret_data)
{
    if (!found->data)
        return mproc_queue_large_read(queue, &found->large, ret_data);
    memcpy(ret_data, found->data, found->length);
    return 0;
}

static int pour(const struct mproc_queue *queue, const struct found *found, struct sink *sink)
{
    void *data = sink->buffer;
    int err;

    if (!data) {
        data = malloc(found->length ? found->length : 1);
        if (!data)
            return mproc_fail(-ENOMEM, "no memory for a message of %llu bytes; it stays in the queue",
                              (unsigned long long)found->length);
    } else if (found->length > sink->room) {
        return mproc_fail(-EMSGSIZE, "the message has %llu bytes, the buffer %zu; it stays in the queue",
                          (unsigned long long)found->length, sink->room);
    }
    err = copy_out(queue, found, data);
    if (err) {
        if (!sink->buffer)
            free(data);
        return err;
    }
    sink->messages[sink->taken++] = (struct iovec){data, found->length};
    if (sink->buffer) {
        sink->buffer += found->length;
        sink->room -= found->length;
    }
    return 0;
}

/* Takes as many as there are and as fit; the lock is held. Errors: none was taken, and why. */
static int get_some(struct mproc_queue *queue, struct sink *sink, struct mproc_wait_word *ret_empty)
{
    struct queue_side *side = queue->sides[QUEUE_CONSUMERS];
    struct queue_mark head;
    struct found found;
    int err = 0;

    mproc_queue_side_read(side, &head);
    while (sink->taken < sink->count) {
        if (side->seen.ring == head.ring)
            err = look_at_producers(queue, &head, ret_empty);
        if (!err)
            err = find(queue, &head, &found);
        if (!err)
            err = pour(queue, &found, sink);
        if (err)
            break;
        head.ring += found.size;
        head.messages++;
        if (!found.data)
            head.large = found.large.position + found.large.length;
    }
    return sink->taken > 0 ? mproc_queue_side_commit(side, &head) : err;
}

static int get(struct mproc_queue *queue, struct sink *sink, uint64_t deadline_ns)
{
    struct mproc_wait_word empty;
    int err;

    for (;;) {
        err = mproc_queue_side_lock(queue, QUEUE_CONSUMERS, deadline_ns);
        if (err)
            return err;
        err = get_some(queue, sink, &empty);
        mproc_queue_side_unlock(queue, QUEUE_CONSUMERS);
        if (err != -EAGAIN)
            return err;
        err = mproc_queue_side_await(queue->sides[QUEUE_PRODUCERS], &empty, 1, deadline_ns);
        if (err == -ETIMEDOUT || err == -EAGAIN)
            return mproc_fail(err, "the queue is empty");
        if (err)
            return err;
    }
}

int mproc_queue_get(struct mproc_queue *queue, uint64_t deadline_ns, void **ret_data, size_t *ret_len)
{
    struct iovec message;
    struct sink sink = {.messages = &message, .count = 1};
    int err = get(queue, &sink, deadline_ns);

    if (err) {
        /* Copied, but the commit was refused. */
        if (sink.taken)
            free(message.iov_base);
        return err;
    }
    *ret_data = message.iov_base;
    *ret_len = message.iov_len;
    return 0;
}

int mproc_queue_get_into(struct mproc_queue *queue, uint64_t deadline_ns, size_t size, void *ret_data,
                         size_t *ret_len)
{
    struct iovec message;
    size_t count;
    int err = mproc_queue_get_many(queue, deadline_ns, size, 1, ret_data, &message, &count);

    if (!err)
        *ret_len = message.iov_len;
    return err;
}

int mproc_queue_get_many(struct mproc_queue *queue, uint64_t deadline_ns, size_t size, size_t count,
                         void *ret_data, struct iovec *ret_messages, size_t *ret_count)
{
    unsigned char none;
    struct sink sink = {.buffer = ret_data ? ret_data : &none,
                        .room = ret_data ? size : 0,
                        .messages = ret_messages,
                        .count = count};
    int err;

    if (count == 0)
        return mproc_fail(-EINVAL, "room for no message");
    err = get(queue, &sink, deadline_ns);
    if (!err)
        *ret_count = sink.taken;
    return err;
}
