#include <errno.h>
#include <string.h>

#include "error_internal.h"
#include "queue_internal.h"

/* What to wait on when there is no room, and for how much. */
struct full {
    struct mproc_wait_word words[2];
    bool is_patient;
};

/* Longer than a tick of most kernels, which have to set their clock anew for what ends sooner, at each sleep.
 */
uint64_t mproc_queue_patience_ns = UINT64_C(5) * 1000 * 1000;

static bool fits(const struct mproc_queue *queue, const struct queue_mark *tail, uint64_t size,
                 const struct iovec *message, uint64_t *ret_position)
{
    const struct queue_mark *head = &queue->sides[QUEUE_PRODUCERS]->seen;

    if (tail->ring - head->ring + size > queue->ring_bytes)
        return false;
    if (queue->max_messages != 0 && tail->messages - head->messages >= queue->max_messages)
        return false;
    return message->iov_len <= queue->inline_limit ||
           mproc_queue_large_fits(queue, tail, message->iov_len, ret_position);
}

/* Looks how far consumers are. `ret_commit` is what to wait on when that is not far enough. */
static int look_at_consumers(struct mproc_queue *queue, const struct queue_mark *tail,
                             struct mproc_wait_word *ret_commit)
{
    const struct queue_side *consumers = queue->sides[QUEUE_CONSUMERS];
    struct queue_mark *seen = &queue->sides[QUEUE_PRODUCERS]->seen;
    struct queue_mark head;
    uint32_t commit = mproc_queue_side_read(consumers, &head);

    if (tail->ring - head.ring > queue->ring_bytes || tail->ring % QUEUE_RECORD_ALIGN != 0)
        return mproc_fail(-EBADMSG, "the queue's memory is damaged: put up to %llu, taken up to %llu",
                          (unsigned long long)tail->ring, (unsigned long long)head.ring);
    *seen = head;
    *ret_commit = (struct mproc_wait_word){&consumers->commit, commit};
    return 0;
}

static uint64_t beyond(uint64_t from, uint64_t most)
{
    return from > most ? from - most : 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Says that this thread, which has just looked, waits until half of the queue is free; the lock is held.
 * Woken for each message that is taken, producers would fill the queue anew each time: on one CPU that is two
 * switches a message. */
static void note_room(struct mproc_queue *queue, const struct queue_mark *tail)
{
    struct queue_side *side = queue->sides[QUEUE_PRODUCERS];
    struct queue_mark room = {
        .ring = beyond(tail->ring, queue->ring_bytes / 2),
        .messages = queue->max_messages ? beyond(tail->messages, queue->max_messages / 2) : 0,
    };

    /* What is not reached yet is what others may wait for. */
    if (!mproc_queue_side_has_room(queue, &side->seen)) {
        room.ring = lesser(room.ring, side->room.ring);
        room.messages = lesser(room.messages, side->room.messages);
    }
    __atomic_store_n(&side->room.ring, room.ring, __ATOMIC_RELAXED);
    __atomic_store_n(&side->room.messages, room.messages, __ATOMIC_RELAXED);
}

/* Writes a message behind `tail`, where nobody looks yet. Errors: -EAGAIN no room. */
static int append(struct mproc_queue *queue, struct queue_mark *tail, const struct iovec *message,
                  struct full *full)
{
    bool is_large = message->iov_len > queue->inline_limit;
    uint64_t length = is_large ? sizeof(struct queue_large) : message->iov_len;
    uint64_t size = queue_record_size(length);
    struct queue_large large = {.length = message->iov_len};
    int err;

    if (is_large && message->iov_len > queue->large_bytes)
        return mproc_fail(-EMSGSIZE,
                          "a message of %zu bytes; this queue was made for up to %llu (large_bytes)",
                          message->iov_len, (unsigned long long)queue->large_bytes);
    /* The large area starts anew when it is seen empty, so a large message always looks. */
    if (is_large || tail->ring % QUEUE_RECORD_ALIGN != 0 || !fits(queue, tail, size, message, NULL)) {
        err = look_at_consumers(queue, tail, &full->words[0]);
        if (err)
            return err;
        if (!fits(queue, tail, size, message, &large.position)) {
            /* Room in the large area is no matter of messages alone. */
            full->is_patient = full->is_patient && !is_large;
            if (full->is_patient)
                note_room(queue, tail);
            return -EAGAIN;
        }
    }

    unsigned char *where = queue->ring + (tail->ring & (queue->ring_bytes - 1));
    struct queue_record record = {.length = (uint32_t)length, .state = is_large ? QUEUE_LARGE : 0};
    memcpy(where, &record, sizeof(record));
    if (is_large) {
        err = mproc_queue_large_write(queue, tail, large.position, message->iov_base, message->iov_len);
        if (err)
            return err;
        memcpy(where + sizeof(record), &large, sizeof(large));
        tail->large = large.position + large.length;
    } else if (length > 0) {
        memcpy(where + sizeof(record), message->iov_base, length);
    }
    tail->ring += size;
    tail->messages++;
    return 0;
}

/* Puts as many as there is room for; the lock is held. Errors: why the one behind them was not put. */
static int put_some(struct mproc_queue *queue, const struct iovec *messages, size_t count, struct full *full,
                    size_t *ret_put)
{
    struct queue_side *side = queue->sides[QUEUE_PRODUCERS];
    struct queue_mark tail;
    size_t put = 0;
    int err = 0;

    if (mproc_queue_side_read(side, &tail) & QUEUE_CLOSED)
        return mproc_fail(-EPIPE, "the queue is closed");
    while (put < count) {
        err = append(queue, &tail, &messages[put], full);
        if (err)
            break;
        full->is_patient = true;
        put++;
    }
    if (put > 0) {
        int commit_err = queue_is_pollable(queue) ? mproc_queue_bell_ring(queue) : 0;
        if (!commit_err)
            commit_err = mproc_queue_side_commit(queue, QUEUE_PRODUCERS, &tail);
        if (commit_err)
            return commit_err;
        *ret_put = put;
    }
    /* Closing changes this word: it wakes who waits for room, too. Not looked at needlessly: a consumer has
     * most likely taken the cache line away by now. */
    if (err == -EAGAIN)
        full->words[1] =
            (struct mproc_wait_word){&side->commit, __atomic_load_n(&side->commit, __ATOMIC_RELAXED)};
    return err;
}

/* Waits for room: patiently at first. Errors: those of mproc_wait(). */
static int await_room(struct mproc_queue *queue, struct full *full, uint64_t deadline_ns)
{
    uint64_t until_ns = deadline_ns;
    bool was_patient = full->is_patient && deadline_ns != MPROC_NOW;

    if (was_patient)
        until_ns = lesser(mproc_clock_ns() + mproc_queue_patience_ns, deadline_ns);
    const struct queue_wait wait = {full->words, 1, 2,
                                    full->is_patient ? QUEUE_SLEEPER : QUEUE_SLEEPER | QUEUE_URGENT};
    int err = mproc_queue_side_await(queue, QUEUE_CONSUMERS, &wait, until_ns);
    full->is_patient = err != -ETIMEDOUT;
    /* Also when the deadline has passed: there may be room that was not enough to be woken for. */
    return err == -ETIMEDOUT && was_patient ? 0 : err;
}

static int fail_full(const struct mproc_queue *queue, int err)
{
    struct mproc_queue_stat stat;

    mproc_queue_stat(queue, &stat);
    return mproc_fail(
        err,
        "the queue is full: %llu messages, %llu of %llu bytes, %llu of %llu large bytes; make it "
        "larger or take messages out",
        (unsigned long long)stat.messages, (unsigned long long)stat.bytes,
        (unsigned long long)queue->ring_bytes, (unsigned long long)stat.large_bytes,
        (unsigned long long)queue->large_bytes);
}

int mproc_queue_put_many(struct mproc_queue *queue, const struct iovec *messages, size_t count,
                         uint64_t deadline_ns, size_t *ret_put)
{
    struct full full = {.is_patient = true};
    size_t total = 0;
    int err = 0;

    while (total < count && !err) {
        size_t put = 0;
        err = mproc_queue_side_lock(queue, QUEUE_PRODUCERS, deadline_ns);
        if (err)
            break;
        err = put_some(queue, messages + total, count - total, &full, &put);
        mproc_queue_side_unlock(queue, QUEUE_PRODUCERS);
        total += put;
        if (err != -EAGAIN)
            continue;
        err = await_room(queue, &full, deadline_ns);
        if (err == -ETIMEDOUT || err == -EAGAIN)
            err = fail_full(queue, err);
    }
    if (ret_put)
        *ret_put = total;
    return err;
}

int mproc_queue_put(struct mproc_queue *queue, const void *data, size_t len, uint64_t deadline_ns)
{
    struct iovec message = {(void *)(uintptr_t)data, len};

    return mproc_queue_put_many(queue, &message, 1, deadline_ns, NULL);
}
