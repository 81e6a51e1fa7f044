#include <mproc/queue.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error_internal.h"
#include "queue_internal.h"

static const size_t default_bytes = (size_t)256 << 10;
static const size_t default_large_bytes = (size_t)64 << 20;
static const size_t limit_bytes = (size_t)1 << 40;

static uint64_t round_up(size_t bytes)
{
    uint64_t rounded = 4096;

    while (rounded < bytes)
        rounded *= 2;
    return rounded;
}

static struct queue_config *config_of(const struct mproc_segment *segment)
{
    return (struct queue_config *)(void *)((unsigned char *)mproc_segment_control(segment, QUEUE_PRODUCERS) +
                                           MPROC_SEGMENT_HEADER);
}

static struct queue_side *side_of(const struct mproc_segment *segment, enum queue_side_index index)
{
    unsigned char *control = mproc_segment_control(segment, index);
    size_t offset = index == QUEUE_PRODUCERS ? MPROC_SEGMENT_HEADER + alignof(struct queue_side) : 0;

    static_assert(sizeof(struct queue_config) <= alignof(struct queue_side), "the config fits its room");
    return (struct queue_side *)(void *)(control + offset);
}

/* A length in the ring has 32 bits. */
static uint64_t inline_limit(uint64_t ring_bytes)
{
    uint64_t quarter = ring_bytes / 4 - sizeof(struct queue_record);

    return quarter < INT32_MAX ? quarter : INT32_MAX;
}

/* Takes the segment and the bell, -1 for none, on success. */
static int wrap_segment(const struct mproc_segment *segment, int bell_fd, struct mproc_queue **ret_queue)
{
    struct mproc_queue *queue = malloc(sizeof(*queue));

    if (!queue)
        return mproc_fail(-ENOMEM, "no memory for a handle");
    *queue = (struct mproc_queue){
        .ring = mproc_segment_ring(segment),
        .ring_bytes = segment->shape.ring_bytes,
        .large_bytes = segment->shape.large_bytes,
        .inline_limit = inline_limit(segment->shape.ring_bytes),
        .max_messages = __atomic_load_n(&config_of(segment)->max_messages, __ATOMIC_RELAXED),
        .redelivers = segment->shape.seats != 0,
        .bell_fd = bell_fd,
        .segment = *segment,
        .grip.refs = 1,
    };
    for (enum queue_side_index i = 0; i < QUEUE_SIDE__COUNT; i++) {
        queue->sides[i] = side_of(segment, i);
        queue->locks[i] = mproc_segment_lock(segment, i);
    }
    *ret_queue = queue;
    return 0;
}

int mproc_queue_create(const struct mproc_queue_options *options, struct mproc_queue **ret_queue)
{
    return mproc_queue_create_with_block("mproc-queue", options, 0, ret_queue);
}

int mproc_queue_create_with_block(const char *name, const struct mproc_queue_options *options,
                                  uint64_t block_bytes, struct mproc_queue **ret_queue)
{
    struct mproc_queue_options wanted = options ? *options : (struct mproc_queue_options){0};
    struct mproc_segment segment;
    int bell_fd = -1;
    int err;

    if (wanted.bytes > limit_bytes || wanted.large_bytes > limit_bytes)
        return mproc_fail(-EINVAL, "a queue of %zu and %zu bytes; the limit is %zu", wanted.bytes,
                          wanted.large_bytes, limit_bytes);
    if ((unsigned)wanted.reader_death >= MPROC_READER_DEATH__COUNT)
        return mproc_fail(-EINVAL, "no such policy for the death of a reader: %d", (int)wanted.reader_death);
    struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_QUEUE,
        .controls = QUEUE_SIDE__COUNT + (block_bytes > 0),
        .seats = wanted.reader_death == MPROC_READER_DEATH_REDELIVERS ? QUEUE_SEATS : 0,
        .block_bytes = block_bytes,
        .ring_bytes = round_up(wanted.bytes ? wanted.bytes : default_bytes),
        .large_bytes = round_up(wanted.large_bytes ? wanted.large_bytes : default_large_bytes),
    };
    err = mproc_segment_create(name, &shape, &segment);
    if (err)
        return err;
    *config_of(&segment) = (struct queue_config){wanted.max_messages, wanted.pollable};
    if (wanted.pollable)
        err = mproc_queue_bell_create(&bell_fd);
    if (!err)
        err = wrap_segment(&segment, bell_fd, ret_queue);
    if (err) {
        if (bell_fd >= 0)
            close(bell_fd);
        mproc_segment_close(&segment);
    }
    return err;
}

void *mproc_queue_block(const struct mproc_queue *queue)
{
    return mproc_segment_block(&queue->segment);
}

mproc_robust_word *mproc_queue_block_lock(const struct mproc_queue *queue)
{
    return mproc_segment_lock(&queue->segment, QUEUE_BLOCK_CONTROL);
}

uint64_t mproc_queue_block_bytes(const struct mproc_queue *queue)
{
    return queue->segment.shape.block_bytes;
}

uint64_t mproc_queue_count_done(const struct mproc_queue *queue)
{
    struct queue_mark head;

    mproc_queue_side_read(queue->sides[QUEUE_CONSUMERS], &head);
    return head.messages;
}

void mproc_queue_abandon(struct mproc_queue *queue)
{
    mproc_segment_unmap(&queue->segment);
    free(queue);
}

struct mproc_queue *mproc_queue_ref(struct mproc_queue *queue)
{
    mproc_handle_ref(queue);
    return queue;
}

void mproc_queue_unref(struct mproc_queue *queue)
{
    if (!mproc_handle_unref(queue))
        return;
    if (queue->redelivers) {
        mproc_queue_lease_leave(queue);
        mproc_queue_bell_pass_on(queue);
    }
    if (queue_is_pollable(queue))
        close(queue->bell_fd);
    mproc_segment_close(&queue->segment);
    mproc_handle_bury(queue);
}

int mproc_queue_close(struct mproc_queue *queue, uint64_t deadline_ns)
{
    int err = mproc_queue_side_lock(queue, QUEUE_PRODUCERS, deadline_ns);

    if (err)
        return err;
    if (queue_is_pollable(queue))
        err = mproc_queue_bell_ring(queue);
    if (!err)
        mproc_queue_side_close(queue);
    mproc_queue_side_unlock(queue, QUEUE_PRODUCERS);
    return err;
}

void mproc_queue_stat(const struct mproc_queue *queue, struct mproc_queue_stat *ret_stat)
{
    struct queue_mark head;
    struct queue_mark tail;
    uint32_t commit;

    if (mproc_handle_check(queue, "queue")) {
        *ret_stat = (struct mproc_queue_stat){.closed = true};
        return;
    }
    /* Consumers first: what they have taken was put, so no difference is negative. */
    mproc_queue_side_read(queue->sides[QUEUE_CONSUMERS], &head);
    commit = mproc_queue_side_read(queue->sides[QUEUE_PRODUCERS], &tail);
    *ret_stat = (struct mproc_queue_stat){
        .messages = tail.messages - head.messages,
        .bytes = tail.ring - head.ring,
        .large_bytes = tail.large - head.large,
        .closed = (commit & QUEUE_CLOSED) != 0,
    };
}

/* The memory first, then the bell, if there is one. */
static int pack_queue(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct mproc_queue *queue = object;
    int err = mproc_handle_check(queue, "queue");

    if (!err)
        err = mproc_segment_pack(&queue->segment, ret_parcel);
    if (!err && queue_is_pollable(queue))
        err = mproc_parcel_add(ret_parcel, queue->bell_fd);
    return err;
}

static int check_queue(const struct mproc_segment *segment, int bell_fd)
{
    bool is_pollable = __atomic_load_n(&config_of(segment)->pollable, __ATOMIC_RELAXED) != 0;

    if (segment->shape.seats != 0 && segment->shape.seats != QUEUE_SEATS)
        return mproc_fail(-EBADMSG, "a queue of %u seats", segment->shape.seats);
    if (is_pollable != (bell_fd >= 0))
        return mproc_fail(-EBADMSG, "a queue that is %s, with%s a descriptor to poll",
                          is_pollable ? "pollable" : "not pollable", bell_fd >= 0 ? "" : "out");
    return is_pollable ? mproc_queue_bell_check(bell_fd) : 0;
}

static int unpack(const struct mproc_parcel *parcel, bool with_block, struct mproc_queue **ret_queue)
{
    struct mproc_parcel memory = *parcel;
    struct mproc_segment segment;
    struct mproc_queue *queue;
    int bell_fd = -1;

    if (parcel->nfds == 2) {
        memory.nfds = 1;
        bell_fd = parcel->fds[1];
    }
    int err = mproc_segment_unpack(&memory, MPROC_SEGMENT_QUEUE, QUEUE_SIDE__COUNT + with_block, &segment);
    if (err)
        return err;
    err = check_queue(&segment, bell_fd);
    if (!err)
        err = wrap_segment(&segment, bell_fd, &queue);
    if (err) {
        mproc_segment_unmap(&segment);
        return err;
    }
    *ret_queue = queue;
    return 0;
}

int mproc_queue_unpack_with_block(const struct mproc_parcel *parcel, struct mproc_queue **ret_queue)
{
    return unpack(parcel, true, ret_queue);
}

static int unpack_queue(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_queue *queue;
    int err = unpack(parcel, false, &queue);

    if (!err)
        *ret_object = queue;
    return err;
}

static void unref_queue(void *object)
{
    mproc_queue_unref(object);
}

const struct mproc_class mproc_queue_class = {"queue", pack_queue, unpack_queue, unref_queue};

int mproc_args_add_queue(struct mproc_args *args, const struct mproc_queue *queue)
{
    return mproc_args_add_object(args, &mproc_queue_class, queue);
}

int mproc_args_get_queue(const struct mproc_args *args, size_t index, struct mproc_queue **ret_queue)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_queue_class, &object);

    if (!err)
        *ret_queue = object;
    return err;
}
