/*
 * Redelivery. A queue that redelivers keeps what is taken in the ring until it is done:
 *
 *   head … done and leased, in any order … taken … not yet taken … tail
 *
 * Each record between has the seat of the thread that took it. A seat is a robust lock that its thread holds
 * as long as it reads from the queue, so the kernel marks the seat when the thread dies. A lease is written
 * before `taken` is committed and means nothing beyond `taken`; passing a dead one's lease on is one store.
 * Sleeping readers watch the seats of all others.
 */
#include <errno.h>

#include "error_internal.h"
#include "queue_internal.h"
#include "seats.h"

static const uint32_t lease_done = QUEUE_LEASE_MASK;

/* Where this thread sat last, most likely still. */
static _Thread_local uint32_t last_seat;

static struct queue_side *consumers_of(const struct mproc_queue *queue)
{
    return queue->sides[QUEUE_CONSUMERS];
}

static uint32_t seats_used(const struct mproc_queue *queue)
{
    uint32_t used = __atomic_load_n(&consumers_of(queue)->seats_used, __ATOMIC_RELAXED);

    return used < queue->segment.shape.seats ? used : queue->segment.shape.seats;
}

bool mproc_queue_lease_has_seat(const struct mproc_queue *queue, uint32_t *ret_seat)
{
    uint32_t used = seats_used(queue);
    uint32_t seat = last_seat;

    for (uint32_t tried = 0; tried < used; tried++, seat++) {
        seat = seat < used ? seat : 0;
        if (mproc_robust_is_mine(mproc_segment_seat(&queue->segment, seat))) {
            last_seat = seat;
            *ret_seat = seat;
            return true;
        }
    }
    return false;
}

static int sit_down(struct mproc_queue *queue, uint32_t seat)
{
    mproc_robust_word *own = mproc_segment_own_seat(&queue->segment, seat, true);
    struct queue_side *side = consumers_of(queue);

    if (!own)
        return mproc_fail(-ENOMEM, "no memory for a reader's seat");
    if (seats_used(queue) <= seat)
        __atomic_store_n(&side->seats_used, seat + 1, __ATOMIC_RELAXED);
    if (mproc_robust_lock(own, MPROC_NOW) != 0)
        return mproc_fail(-EBADMSG, "the queue's memory is damaged at seat %u", seat);
    /* Before this thread can be the one that a death wakes, all others must watch it. */
    __atomic_fetch_add(&side->arrivals, 1, __ATOMIC_RELEASE);
    mproc_wake(&side->arrivals);
    return 0;
}

/* A seat that is wholly free: locking a dead one would make it look alive. */
static uint32_t find_free_seat(const struct mproc_queue *queue)
{
    uint32_t seat = 0;

    while (seat < queue->segment.shape.seats && mproc_seat_word(&queue->segment, seat) != 0)
        seat++;
    return seat;
}

int mproc_queue_lease_seat(struct mproc_queue *queue, uint32_t *ret_seat)
{
    struct queue_mark head;
    uint64_t orphan;
    uint32_t seat;

    if (mproc_queue_lease_has_seat(queue, ret_seat))
        return 0;
    seat = find_free_seat(queue);
    if (seat == queue->segment.shape.seats) {
        /* Clears the seats of the dead but for one. */
        mproc_queue_side_read(consumers_of(queue), &head);
        mproc_queue_lease_orphan(queue, &head, &orphan);
        seat = find_free_seat(queue);
    }
    if (seat == queue->segment.shape.seats)
        return mproc_fail(-EUSERS, "%u threads read from this queue, and there is no room for one more",
                          seat);
    int err = sit_down(queue, seat);
    if (err)
        return err;
    last_seat = seat;
    *ret_seat = seat;
    return 0;
}

void mproc_queue_lease_leave(struct mproc_queue *queue)
{
    uint32_t seat;

    if (!mproc_queue_lease_has_seat(queue, &seat))
        return;
    mproc_robust_word *own = mproc_segment_own_seat(&queue->segment, seat, false);
    if (own)
        mproc_robust_abandon(own);
}

static void write_lease(struct mproc_queue *queue, uint64_t position, uint32_t lease)
{
    struct queue_record *record = queue_record_at(queue, position);
    uint32_t state = __atomic_load_n(&record->state, __ATOMIC_RELAXED);

    __atomic_store_n(&record->state, (state & ~QUEUE_LEASE_MASK) | lease, __ATOMIC_RELAXED);
}

void mproc_queue_lease_write(struct mproc_queue *queue, uint64_t position, uint32_t seat)
{
    write_lease(queue, position, seat + 1);
}

uint64_t mproc_queue_lease_taken(const struct mproc_queue *queue)
{
    const struct queue_side *side = consumers_of(queue);
    uint32_t commit = __atomic_load_n(&side->commit, __ATOMIC_ACQUIRE);
    uint32_t before;
    uint64_t taken;

    /* Whoever tends the bell has not the lock. */
    do {
        before = commit;
        taken = __atomic_load_n(&side->taken[queue_parity(before)], __ATOMIC_RELAXED);
        atomic_thread_fence(memory_order_acquire);
        commit = __atomic_load_n(&side->commit, __ATOMIC_ACQUIRE);
    } while ((commit ^ before) & QUEUE_VERSION_MASK);
    return taken;
}

int mproc_queue_lease_commit(struct mproc_queue *queue, const struct queue_mark *head, uint64_t taken)
{
    struct queue_side *side = consumers_of(queue);
    uint32_t commit = __atomic_load_n(&side->commit, __ATOMIC_RELAXED);

    __atomic_store_n(&side->taken[!queue_parity(commit)], taken, __ATOMIC_RELAXED);
    return mproc_queue_side_commit(queue, QUEUE_CONSUMERS, head);
}

uint64_t mproc_queue_lease_dead(const struct mproc_queue *queue)
{
    uint64_t dead = 0;

    for (uint32_t seat = 0; seat < seats_used(queue); seat++) {
        if (mproc_seat_is_dead(mproc_seat_word(&queue->segment, seat)))
            dead |= UINT64_C(1) << seat;
    }
    return dead;
}

static void free_seats(struct mproc_queue *queue, uint64_t seats)
{
    for (uint32_t seat = 0; seat < seats_used(queue); seat++) {
        if (seats >> seat & 1)
            __atomic_store_n(mproc_segment_seat(&queue->segment, seat), 0, __ATOMIC_RELEASE);
    }
}

int mproc_queue_lease_orphan(struct mproc_queue *queue, const struct queue_mark *head, uint64_t *ret_position)
{
    uint64_t taken = mproc_queue_lease_taken(queue);
    uint64_t dead = mproc_queue_lease_dead(queue);
    uint64_t orphan = taken;
    struct queue_found found;

    if (dead == 0)
        return -ENOENT;
    /* One dead seat is enough for all that the dead had; the others are free again. Only seats that were dead
     * before the leases were looked at, for one that dies meanwhile may have some that were passed already.
     */
    uint32_t keeper = (uint32_t)__builtin_ctzll(dead);
    for (uint64_t position = head->ring; position < taken; position += found.size) {
        int err = mproc_queue_find(queue, position, taken, &found);
        if (err)
            return err;
        if (found.lease == 0 || found.lease > QUEUE_SEATS || !(dead >> (found.lease - 1) & 1))
            continue;
        mproc_queue_lease_write(queue, position, keeper);
        if (orphan == taken)
            orphan = position;
    }
    free_seats(queue, orphan == taken ? dead : dead & (dead - 1));
    if (orphan == taken)
        return -ENOENT;
    mproc_wake(&queue->sides[QUEUE_PRODUCERS]->commit);
    *ret_position = orphan;
    return 0;
}

/* What lies at the head is passed by the one step of the commit, so that a reader who dies here has finished
 * all of it or nothing: a log's listener depends on that. Only what lies behind the messages of others is
 * marked. */
int mproc_queue_lease_finish(struct mproc_queue *queue, uint32_t seat)
{
    uint64_t taken = mproc_queue_lease_taken(queue);
    struct queue_mark head;
    struct queue_found found;
    bool passing = true;
    uint64_t passed;

    mproc_queue_side_read(consumers_of(queue), &head);
    passed = head.ring;
    for (uint64_t position = head.ring; position < taken; position += found.size) {
        int err = mproc_queue_find(queue, position, taken, &found);
        if (err)
            return err;
        bool own = seat != QUEUE_NO_SEAT && found.lease == seat + 1;
        passing = passing && (own || found.lease == lease_done);
        if (passing)
            mproc_queue_pass(&head, &found);
        else if (own)
            write_lease(queue, position, lease_done);
    }
    return head.ring == passed ? 0 : mproc_queue_lease_commit(queue, &head, taken);
}

/* What to expect in a seat's word as long as its thread lives; the kernel wakes on a death only where it is
 * told that somebody waits. */
static uint32_t watch_seat(mproc_robust_word *word)
{
    uint32_t value = __atomic_load_n(word, __ATOMIC_RELAXED);

    while ((value & FUTEX_TID_MASK) != 0) {
        if ((value & FUTEX_WAITERS) || __atomic_compare_exchange_n(word, &value, value | FUTEX_WAITERS, false,
                                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return value | FUTEX_WAITERS;
    }
    return 0; /* dead since we looked: this is not what the word holds, so nobody sleeps */
}

size_t mproc_queue_lease_watch(struct mproc_queue *queue, uint64_t ignored, struct mproc_wait_word *words,
                               size_t count)
{
    const uint32_t *arrivals = &consumers_of(queue)->arrivals;

    words[count++] = (struct mproc_wait_word){arrivals, __atomic_load_n(arrivals, __ATOMIC_RELAXED)};
    for (uint32_t seat = 0; seat < seats_used(queue) && count < QUEUE_WATCHED; seat++) {
        mproc_robust_word *word = mproc_segment_seat(&queue->segment, seat);
        if ((ignored >> seat & 1) || __atomic_load_n(word, __ATOMIC_RELAXED) == 0)
            continue;
        words[count++] = (struct mproc_wait_word){word, watch_seat(word)};
    }
    return count;
}
