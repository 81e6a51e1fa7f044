/*
 * A lock for many readers or one writer: a robust lock, the gate, which a writer holds; and a seat for each
 * reader.
 *
 * A reader takes a seat and then looks at the gate; a writer takes the gate and then looks at the seats: one
 * of the two sees the other. A reader that finds the gate closed waits for it, takes a seat behind it and
 * opens it again. `writing` tells a writer that died with the data from one that died while readers were
 * still inside, or behind its last change.
 */
#include <mproc/rwlock.h>

#include <errno.h>
#include <stdatomic.h>

#include "error_internal.h"
#include "handle.h"
#include "lock.h"
#include "rwlock_internal.h"
#include "seats.h"

struct rwlock_shared {
    struct mproc_seats seats;
    uint32_t writing;
};

struct mproc_rwlock {
    struct mproc_handle handle;
    struct rwlock_shared *shared;
    struct mproc_lock gate;
};

/* Where this thread sat last: free again, most likely. */
static _Thread_local uint32_t last_seat;

static struct mproc_rwlock *finish_handle(struct mproc_rwlock *rwlock)
{
    rwlock->shared = mproc_segment_body(&rwlock->handle.segment);
    rwlock->gate =
        (struct mproc_lock){.word = mproc_segment_lock(&rwlock->handle.segment, 0), .what = "rwlock"};
    return rwlock;
}

int mproc_rwlock_create(struct mproc_rwlock **ret_rwlock)
{
    static const struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_RWLOCK, .controls = 1, .seats = MPROC_RWLOCK_READERS_MAX};
    struct mproc_rwlock *rwlock;
    int err = mproc_handle_create("mproc-rwlock", &shape, sizeof(*rwlock), &rwlock);

    if (!err)
        *ret_rwlock = finish_handle(rwlock);
    return err;
}

struct mproc_rwlock *mproc_rwlock_ref(struct mproc_rwlock *rwlock)
{
    mproc_handle_ref(rwlock);
    return rwlock;
}

void mproc_rwlock_unref(struct mproc_rwlock *rwlock)
{
    if (mproc_handle_unref(rwlock))
        mproc_handle_end(rwlock);
}

void mproc_rwlock_set_repair(struct mproc_rwlock *rwlock, mproc_repair_fn *repair, void *user)
{
    if (mproc_handle_check(rwlock, "rwlock"))
        return;
    rwlock->gate.repair = repair;
    rwlock->gate.user = user;
}

static bool is_open(const struct mproc_rwlock *rwlock)
{
    uint32_t word = __atomic_load_n(rwlock->gate.word, __ATOMIC_ACQUIRE);

    return (word & (FUTEX_TID_MASK | FUTEX_OWNER_DIED)) == 0;
}

/* Before a seat can be taken, writers must look at it. */
static void announce_seat(struct mproc_rwlock *rwlock, uint32_t seat)
{
    uint32_t *used = &rwlock->shared->seats.used;
    uint32_t before = __atomic_load_n(used, __ATOMIC_RELAXED);

    while (before <= seat &&
           !__atomic_compare_exchange_n(used, &before, seat + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
}

/* Takes any free seat. Errors: -EAGAIN none is; -ENOMEM. */
static int sit(struct mproc_rwlock *rwlock, mproc_robust_word **ret_own)
{
    const struct mproc_segment *segment = &rwlock->handle.segment;
    uint32_t seat = last_seat;

    for (uint32_t tried = 0; tried < segment->shape.seats; tried++, seat++) {
        seat = seat < segment->shape.seats ? seat : 0;
        if (mproc_seat_is_taken(mproc_seat_word(segment, seat)))
            continue;
        mproc_robust_word *own = mproc_segment_own_seat(segment, seat, true);
        if (!own)
            return mproc_fail(-ENOMEM, "no memory for a reader's seat");
        announce_seat(rwlock, seat);
        int err = mproc_robust_lock(own, MPROC_NOW);
        if (err == -EAGAIN)
            continue;
        /* A reader that died there has changed nothing. */
        if (err == -EOWNERDEAD)
            err = mproc_robust_repaired(own);
        if (!err) {
            last_seat = seat;
            *ret_own = own;
        }
        return err;
    }
    return -EAGAIN;
}

/* Waits until nobody sits in this seat. */
static int await_seat(const struct mproc_rwlock *rwlock, uint32_t seat, uint64_t deadline_ns)
{
    mproc_robust_word *word = mproc_segment_seat(&rwlock->handle.segment, seat);

    while (mproc_seat_is_taken(__atomic_load_n(word, __ATOMIC_ACQUIRE))) {
        if (mproc_robust_is_mine(word))
            return mproc_fail(-EDEADLK, "this thread has the rwlock for reading, and would wait for itself");
        struct mproc_wait_word watched = mproc_seat_watch(word);
        int err = mproc_wait_nap(&watched, 1, deadline_ns);
        if (err == -ETIMEDOUT)
            return mproc_fail(err, "thread %u has the rwlock for reading: is it stuck or stopped?",
                              mproc_robust_owner(word));
        if (err)
            return err;
    }
    return 0;
}

/* Sits down with the gate held, when there is a seat. */
static int sit_behind_gate(struct mproc_rwlock *rwlock, uint64_t deadline_ns)
{
    struct mproc_wait_word words[MPROC_RWLOCK_READERS_MAX];
    mproc_robust_word *own;
    int err;

    while ((err = sit(rwlock, &own)) == -EAGAIN) {
        for (uint32_t seat = 0; seat < MPROC_RWLOCK_READERS_MAX; seat++)
            words[seat] = mproc_seat_watch(mproc_segment_seat(&rwlock->handle.segment, seat));
        err = mproc_wait_nap(words, MPROC_RWLOCK_READERS_MAX, deadline_ns);
        if (err == -ETIMEDOUT)
            return mproc_fail(err, "%d others have the rwlock for reading, and it has room for no more",
                              MPROC_RWLOCK_READERS_MAX);
        if (err)
            return err;
    }
    return err;
}

static bool is_writing(const struct mproc_rwlock *rwlock)
{
    return __atomic_load_n(&rwlock->shared->writing, __ATOMIC_RELAXED) != 0;
}

static void set_writing(struct mproc_rwlock *rwlock, uint32_t writing)
{
    __atomic_store_n(&rwlock->shared->writing, writing, __ATOMIC_RELAXED);
}

/* The gate was taken, and its owner before had died. Without a writer among the dead that means nothing; with
 * one no reader is inside. Returns as mproc_lock_take(). */
static int repair_behind_gate(struct mproc_rwlock *rwlock)
{
    if (!is_writing(rwlock))
        return mproc_robust_repaired(rwlock->gate.word);
    return mproc_lock_repair(&rwlock->gate);
}

static int read_through_gate(struct mproc_rwlock *rwlock, uint64_t deadline_ns)
{
    mproc_robust_word *own;

    /* Where this thread reads already, no writer is inside, and one that waits would wait for ever. */
    if (mproc_seats_mine(&rwlock->handle.segment, &rwlock->shared->seats) != MPROC_NO_SEAT) {
        int err = sit(rwlock, &own);
        return err == -EAGAIN ? mproc_fail(err, "no seat is free for one more reader") : err;
    }
    int err = mproc_lock_take_raw(&rwlock->gate, deadline_ns);
    if (err == -EOWNERDEAD)
        err = repair_behind_gate(rwlock);
    if (err)
        return err;
    set_writing(rwlock, 0);
    err = sit_behind_gate(rwlock, deadline_ns);
    mproc_lock_release(&rwlock->gate);
    return err;
}

int mproc_rwlock_read(struct mproc_rwlock *rwlock, uint64_t deadline_ns)
{
    mproc_robust_word *own;
    int err = mproc_handle_check(rwlock, "rwlock");

    if (err)
        return err;
    if (is_open(rwlock)) {
        err = sit(rwlock, &own);
        if (err && err != -EAGAIN)
            return err;
        atomic_thread_fence(memory_order_seq_cst);
        if (!err && is_open(rwlock))
            return 0;
        if (!err)
            mproc_robust_unlock(own);
    }
    return read_through_gate(rwlock, deadline_ns);
}

/* Waits until all readers are gone; the gate is held. */
static int await_readers(struct mproc_rwlock *rwlock, uint64_t deadline_ns)
{
    int err = 0;

    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t seat = 0; !err && seat < mproc_seats_used(&rwlock->handle.segment, &rwlock->shared->seats);
         seat++)
        err = await_seat(rwlock, seat, deadline_ns);
    return err;
}

int mproc_rwlock_write(struct mproc_rwlock *rwlock, uint64_t deadline_ns)
{
    int err = mproc_handle_check(rwlock, "rwlock");

    if (err)
        return err;
    err = mproc_lock_take_raw(&rwlock->gate, deadline_ns);
    if (err && err != -EOWNERDEAD)
        return err;
    bool has_news = err == -EOWNERDEAD;
    err = await_readers(rwlock, deadline_ns);
    if (err) {
        /* The news, if any, stays in the gate. */
        mproc_lock_release(&rwlock->gate);
        return err;
    }
    if (has_news)
        err = repair_behind_gate(rwlock);
    if (!err)
        set_writing(rwlock, 1);
    return err;
}

int mproc_rwlock_consistent(struct mproc_rwlock *rwlock)
{
    int err = mproc_handle_check(rwlock, "rwlock");

    return err ? err : mproc_lock_consistent(&rwlock->gate);
}

int mproc_rwlock_unlock(struct mproc_rwlock *rwlock)
{
    const struct mproc_segment *segment = &rwlock->handle.segment;
    uint32_t seat = last_seat;
    int err = mproc_handle_check(rwlock, "rwlock");

    if (err)
        return err;
    if (mproc_robust_is_mine(rwlock->gate.word)) {
        if (!(__atomic_load_n(rwlock->gate.word, __ATOMIC_RELAXED) & FUTEX_OWNER_DIED))
            set_writing(rwlock, 0);
        return mproc_lock_release(&rwlock->gate);
    }
    for (uint32_t tried = 0; tried < segment->shape.seats; tried++, seat++) {
        seat = seat < segment->shape.seats ? seat : 0;
        mproc_robust_word *own = mproc_segment_own_seat(segment, seat, false);
        if (own && mproc_robust_is_mine(own) && mproc_robust_unlock(own) == 0)
            return 0;
    }
    return mproc_fail(-EPERM, "this thread does not hold the rwlock through this handle");
}

static int unpack_rwlock(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_rwlock *rwlock;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_RWLOCK, 1, sizeof(*rwlock), &rwlock);

    if (err)
        return err;
    if (rwlock->handle.segment.shape.seats != MPROC_RWLOCK_READERS_MAX)
        return mproc_handle_reject(rwlock, "an rwlock has other seats");
    *ret_object = finish_handle(rwlock);
    return 0;
}

static void unref_rwlock(void *object)
{
    mproc_rwlock_unref(object);
}

const struct mproc_class mproc_rwlock_class = {"rwlock", mproc_handle_pack, unpack_rwlock, unref_rwlock};

int mproc_args_add_rwlock(struct mproc_args *args, const struct mproc_rwlock *rwlock)
{
    return mproc_args_add_object(args, &mproc_rwlock_class, rwlock);
}

int mproc_args_get_rwlock(const struct mproc_args *args, size_t index, struct mproc_rwlock **ret_rwlock)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_rwlock_class, &object);

    if (!err)
        *ret_rwlock = object;
    return err;
}
