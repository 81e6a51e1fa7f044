#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "error_internal.h"
#include "queue_internal.h"
#include "wait.h"

/* Where the messages of one call go: one after the other into a buffer, or one into memory of its own. */
struct sink {
    unsigned char *buffer; /* NULL: allocate */
    size_t room;
    struct iovec *messages;
    size_t count;
    size_t taken;
};

/* Where a call stands, and what to wait on when there is nothing for it. */
struct stand {
    struct queue_mark head; /* up to where messages are done with */
    uint64_t position;      /* up to where they are taken: the same, unless the queue redelivers */
    uint32_t seat;          /* when it redelivers */
    struct mproc_wait_word words[QUEUE_WATCHED];
    size_t commits; /* how many words are those of the sides */
    size_t count;
};

/* When producers on another CPU are hardly ahead, each look at them finds a message or two, and takes away
 * the cache line that they write for each. So looks are then put off, for longer and longer, until they find
 * this much; or nothing, for a consumer that has nothing to do is not to wait. */
static const uint64_t worth_a_look = 1024;

static void pause_before_look(const struct queue_side *consumers)
{
    uint32_t pauses = consumers->pauses < QUEUE_LONGEST_LOOK ? consumers->pauses : QUEUE_LONGEST_LOOK;

    for (uint32_t i = 0; i < pauses; i++)
        mproc_pause();
}

static void learn_pauses(struct queue_side *consumers, const struct queue_side *producers, uint64_t found)
{
    uint32_t pauses = consumers->pauses;

    if (found == 0 || __atomic_load_n(&producers->cpu, __ATOMIC_RELAXED) == (uint32_t)sched_getcpu())
        consumers->pauses = 0;
    else if (found < worth_a_look)
        consumers->pauses = pauses >= QUEUE_LONGEST_LOOK / 2 ? QUEUE_LONGEST_LOOK : pauses * 2 + 2;
    else if (found > 4 * worth_a_look)
        consumers->pauses = pauses - pauses / 8;
}

/* Looks how far producers are. Errors: -EAGAIN, -EPIPE no further than this. */
static int look_at_producers(struct mproc_queue *queue, struct stand *stand)
{
    const struct queue_side *producers = queue->sides[QUEUE_PRODUCERS];
    struct queue_side *consumers = queue->sides[QUEUE_CONSUMERS];
    struct queue_mark tail;

    pause_before_look(consumers);
    uint32_t commit = mproc_queue_side_read(producers, &tail);
    bool is_closed = (commit & QUEUE_CLOSED) != 0;

    learn_pauses(consumers, producers, tail.ring - stand->position);
    consumers->seen = tail;
    if (tail.ring != stand->position)
        return 0;
    if (is_closed && stand->head.ring == tail.ring)
        return mproc_fail(-EPIPE, "the queue is closed and empty");
    stand->words[0] = (struct mproc_wait_word){&producers->commit, commit};
    stand->commits = 1;
    /* Closed, but others have messages yet that may come back: the end is when these are done. */
    if (is_closed)
        stand->words[stand->commits++] = (struct mproc_wait_word){
            &consumers->commit, __atomic_load_n(&consumers->commit, __ATOMIC_RELAXED)};
    stand->count = stand->commits;
    if (queue->redelivers)
        stand->count = mproc_queue_lease_watch(queue, UINT64_C(1) << stand->seat, stand->words, stand->count);
    return -EAGAIN;
}

static int copy_out(const struct mproc_queue *queue, const struct queue_found *found, void *ret_data)
{
    if (!found->data)
        return mproc_queue_large_read(queue, &found->large, ret_data);
    memcpy(ret_data, found->data, found->length);
    return 0;
}

static int pour(const struct mproc_queue *queue, const struct queue_found *found, struct sink *sink)
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

/* Takes what dead readers had. Errors: those of pour(). */
static int get_orphans(struct mproc_queue *queue, struct sink *sink, struct stand *stand)
{
    uint64_t position;
    struct queue_found found;
    int err = 0;

    while (!err && sink->taken < sink->count) {
        err = mproc_queue_lease_orphan(queue, &stand->head, &position);
        if (!err)
            err = mproc_queue_find(queue, position, stand->position, &found);
        if (!err)
            err = pour(queue, &found, sink);
        if (!err)
            mproc_queue_lease_write(queue, position, stand->seat);
    }
    return err == -ENOENT ? 0 : err;
}

/* Takes what nobody has taken. Errors: why there is not one more. */
static int get_fresh(struct mproc_queue *queue, struct sink *sink, struct stand *stand)
{
    struct queue_side *side = queue->sides[QUEUE_CONSUMERS];
    struct queue_found found;
    int err = 0;

    while (sink->taken < sink->count) {
        if (side->seen.ring == stand->position)
            err = look_at_producers(queue, stand);
        if (!err)
            err = mproc_queue_find(queue, stand->position, side->seen.ring, &found);
        if (!err)
            err = pour(queue, &found, sink);
        if (err)
            return err;
        if (queue->redelivers)
            mproc_queue_lease_write(queue, stand->position, stand->seat);
        else
            mproc_queue_pass(&stand->head, &found);
        stand->position += found.size;
    }
    return 0;
}

/* Where the call begins; in a queue that redelivers, the thread's earlier messages are done now. */
static int take_stand(struct mproc_queue *queue, struct stand *stand)
{
    int err = 0;

    if (queue->redelivers)
        err = mproc_queue_lease_seat(queue, &stand->seat);
    if (!err && queue->redelivers)
        err = mproc_queue_lease_finish(queue, stand->seat);
    mproc_queue_side_read(queue->sides[QUEUE_CONSUMERS], &stand->head);
    stand->position = queue->redelivers ? mproc_queue_lease_taken(queue) : stand->head.ring;
    return err;
}

/* Takes as many as there are and as fit; the lock is held. Errors: none was taken, and why. */
static int get_some(struct mproc_queue *queue, struct sink *sink, struct stand *stand)
{
    int err = take_stand(queue, stand);
    uint64_t before = stand->position;

    if (!err && queue->redelivers)
        err = get_orphans(queue, sink, stand);
    if (!err)
        err = get_fresh(queue, sink, stand);
    if (stand->position == before)
        return sink->taken > 0 ? 0 : err;
    if (queue->redelivers)
        return mproc_queue_lease_commit(queue, &stand->head, stand->position);
    return mproc_queue_side_commit(queue, QUEUE_CONSUMERS, &stand->head);
}

/* A death wakes one of those who watch seats; others look after a nap (mproc_wait_nap()). */
static int await_any(struct mproc_queue *queue, enum queue_side_index side, struct stand *stand,
                     uint64_t deadline_ns)
{
    uint64_t until_ns = deadline_ns;
    int err;

    if (queue->redelivers && deadline_ns != MPROC_NOW) {
        uint64_t nap_end_ns = mproc_clock_ns() + mproc_nap_ns;
        until_ns = nap_end_ns < deadline_ns ? nap_end_ns : deadline_ns;
    }
    err = mproc_queue_side_await(
        queue, side, &(struct queue_wait){stand->words, stand->commits, stand->count, QUEUE_SLEEPER},
        until_ns);
    return err == -ETIMEDOUT && until_ns < deadline_ns ? 0 : err;
}

static int get(struct mproc_queue *queue, struct sink *sink, uint64_t deadline_ns)
{
    struct stand stand;
    bool was_early = false;
    int err;

    do {
        err = mproc_queue_side_lock(queue, QUEUE_CONSUMERS, deadline_ns);
        if (err)
            return err;
        err = get_some(queue, sink, &stand);
        mproc_queue_side_unlock(queue, QUEUE_CONSUMERS);
        if (queue->redelivers && queue_is_pollable(queue))
            mproc_queue_bell_pass_on(queue);
        if (err != -EAGAIN)
            return err;
        err = await_any(queue, QUEUE_PRODUCERS, &stand, deadline_ns);
        /* Whom the bell has called while the message was still being put has it at the second try. */
        if ((err == -ETIMEDOUT || err == -EAGAIN) && !was_early && mproc_queue_bell_is_early(queue)) {
            was_early = true;
            err = 0;
        }
    } while (!err);
    return err == -ETIMEDOUT || err == -EAGAIN ? mproc_fail(err, "the queue is empty") : err;
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

int mproc_queue_done(struct mproc_queue *queue, uint64_t deadline_ns)
{
    uint32_t seat;
    int err = mproc_handle_check(queue, "queue");

    if (err || !queue->redelivers)
        return err;
    err = mproc_queue_side_lock(queue, QUEUE_CONSUMERS, deadline_ns);
    if (err)
        return err;
    if (mproc_queue_lease_has_seat(queue, &seat))
        err = mproc_queue_lease_finish(queue, seat);
    mproc_queue_side_unlock(queue, QUEUE_CONSUMERS);
    mproc_queue_bell_pass_on(queue);
    return err;
}

/* Sees what is done, also by those who died before they could tell, and what to wait on. */
static int look_at_consumers(struct mproc_queue *queue, struct stand *stand, uint64_t deadline_ns)
{
    int err = mproc_handle_check(queue, "queue");

    if (err)
        return err;
    const struct queue_side *consumers = queue->sides[QUEUE_CONSUMERS];
    stand->commits = 1;
    stand->count = 1;
    if (queue->redelivers) {
        err = mproc_queue_side_lock(queue, QUEUE_CONSUMERS, deadline_ns);
        if (err)
            return err;
        /* What the dead of now have left waits for a reader; only new deaths are news. */
        uint64_t dead = mproc_queue_lease_dead(queue);
        /* The kernel wakes one for a death, and it may have been this thread instead of a reader. */
        if (dead != 0)
            mproc_wake(&queue->sides[QUEUE_PRODUCERS]->commit);
        err = mproc_queue_lease_finish(queue, QUEUE_NO_SEAT);
        stand->count = mproc_queue_lease_watch(queue, dead, stand->words, stand->count);
        mproc_queue_side_unlock(queue, QUEUE_CONSUMERS);
        mproc_queue_bell_pass_on(queue);
    }
    stand->words[0].word = &consumers->commit;
    stand->words[0].expected = mproc_queue_side_read(consumers, &stand->head);
    return err;
}

int mproc_queue_join(struct mproc_queue *queue, uint64_t deadline_ns)
{
    struct queue_mark tail;
    struct stand stand;
    int err;

    do {
        err = look_at_consumers(queue, &stand, deadline_ns);
        if (err)
            return err;
        mproc_queue_side_read(queue->sides[QUEUE_PRODUCERS], &tail);
        if (tail.messages == stand.head.messages)
            return 0;
        err = await_any(queue, QUEUE_CONSUMERS, &stand, deadline_ns);
    } while (!err);
    if (err == -ETIMEDOUT || err == -EAGAIN)
        return mproc_fail(err, "%llu messages are not done yet",
                          (unsigned long long)(tail.messages - stand.head.messages));
    return err;
}
