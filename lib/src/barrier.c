/*
 * Barriers. Each party has a seat, and notes there in which round it has come; the round is a word that all
 * sleep on. The last one to come steps it and wakes them in one. All of that happens under a lock, and each
 * of it is one store, so a dead one leaves nothing to repair. A seat of the dead is the news of the death,
 * and stays until the barrier is reset.
 */
#include <mproc/barrier.h>

#include <errno.h>
#include <linux/futex.h>

#include "barrier_internal.h"
#include "error_internal.h"
#include "handle.h"
#include "seats.h"
#include "stop_internal.h"

/* How long to wait for others to finish a call that they are in the middle of. */
static const uint64_t grace_ms = 1000;

struct barrier_shared {
    uint32_t round; /* futex word */
    uint32_t parties;
    struct mproc_seats seats;
    uint64_t came[MPROC_BARRIER_PARTIES_MAX]; /* in which round, plus 1; 0: not */
};

struct mproc_barrier {
    struct mproc_handle handle;
    struct barrier_shared *shared;
    uint32_t parties;
};

static uint32_t seats_for(uint32_t parties)
{
    return (parties + 1) & ~UINT32_C(1);
}

static struct mproc_barrier *finish_handle(struct mproc_barrier *barrier, uint32_t parties)
{
    barrier->shared = mproc_segment_body(&barrier->handle.segment);
    barrier->parties = parties;
    return barrier;
}

int mproc_barrier_create(uint32_t parties, struct mproc_barrier **ret_barrier)
{
    struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_BARRIER, .controls = 1, .seats = seats_for(parties)};
    struct mproc_barrier *barrier;

    if (parties == 0 || parties > MPROC_BARRIER_PARTIES_MAX)
        return mproc_fail(-EINVAL, "a barrier for %u threads; it can be for 1 to %d", parties,
                          MPROC_BARRIER_PARTIES_MAX);
    int err = mproc_handle_create("mproc-barrier", &shape, sizeof(*barrier), &barrier);
    if (err)
        return err;
    finish_handle(barrier, parties)->shared->parties = parties;
    *ret_barrier = barrier;
    return 0;
}

struct mproc_barrier *mproc_barrier_ref(struct mproc_barrier *barrier)
{
    mproc_handle_ref(barrier);
    return barrier;
}

static uint32_t my_seat(const struct mproc_barrier *barrier)
{
    return mproc_seats_mine(&barrier->handle.segment, &barrier->shared->seats);
}

void mproc_barrier_unref(struct mproc_barrier *barrier)
{
    if (!mproc_handle_unref(barrier))
        return;
    uint32_t seat = my_seat(barrier);
    if (seat != MPROC_NO_SEAT)
        mproc_seats_leave(&barrier->handle.segment, seat, true);
    mproc_handle_end(barrier);
}

/* Whatever the thread's stop token says: this is short. */
static int lock_state(const struct mproc_barrier *barrier)
{
    mproc_robust_word *word = mproc_segment_lock(&barrier->handle.segment, 0);
    int err = mproc_robust_lock(word, MPROC_NOW);

    if (err == -EAGAIN) {
        struct mproc_stop *stop = mproc_stop_enter(mproc_stop_shield());
        err = mproc_robust_lock(word, mproc_deadline_ms(grace_ms));
        mproc_stop_enter(stop);
    }
    if (err == -EOWNERDEAD)
        return mproc_robust_repaired(word);
    if (err == -ETIMEDOUT)
        return mproc_fail(err,
                          "thread %u is inside a call for this barrier and does not go on: is it stopped?",
                          mproc_robust_owner(word));
    if (err == -EDEADLK)
        return mproc_fail(err, "this thread is inside a call for this barrier already (a signal handler?)");
    return err;
}

static void unlock_state(const struct mproc_barrier *barrier)
{
    mproc_robust_unlock(mproc_segment_lock(&barrier->handle.segment, 0));
}

static uint32_t load_round(const struct mproc_barrier *barrier)
{
    return __atomic_load_n(&barrier->shared->round, __ATOMIC_ACQUIRE);
}

static bool has_dead(const struct mproc_barrier *barrier)
{
    return mproc_seats_dead(&barrier->handle.segment, &barrier->shared->seats) != 0;
}

static int fail_broken(void)
{
    return mproc_fail(-EOWNERDEAD, "a party of the barrier has died; mproc_barrier_reset() lets another take "
                                   "its place");
}

/* Makes the calling thread a party; the state is locked. */
static int sit(struct mproc_barrier *barrier, uint32_t *ret_seat)
{
    const struct mproc_segment *segment = &barrier->handle.segment;
    uint32_t seat = my_seat(barrier);

    if (has_dead(barrier))
        return fail_broken();
    for (uint32_t i = 0; seat == MPROC_NO_SEAT && i < barrier->parties; i++) {
        if (mproc_seat_word(segment, i) != 0)
            continue;
        barrier->shared->came[i] = 0;
        int err = mproc_seats_take(segment, &barrier->shared->seats, i);
        if (err)
            return err;
        seat = i;
    }
    if (seat == MPROC_NO_SEAT)
        return mproc_fail(-EUSERS, "the barrier is for %u threads, and others are its parties",
                          barrier->parties);
    *ret_seat = seat;
    return 0;
}

int mproc_barrier_join(struct mproc_barrier *barrier)
{
    uint32_t seat;
    int err = mproc_handle_check(barrier, "barrier");

    if (!err)
        err = lock_state(barrier);
    if (err)
        return err;
    err = sit(barrier, &seat);
    unlock_state(barrier);
    return err;
}

/* Notes that this thread has come; the last one opens. The state is locked. Returns whether it was. */
static bool come(struct mproc_barrier *barrier, uint32_t seat, uint32_t round)
{
    struct barrier_shared *shared = barrier->shared;
    uint32_t waiting = 0;

    __atomic_store_n(&shared->came[seat], (uint64_t)round + 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < barrier->parties; i++)
        waiting += mproc_seat_is_taken(mproc_seat_word(&barrier->handle.segment, i)) &&
                   __atomic_load_n(&shared->came[i], __ATOMIC_RELAXED) == (uint64_t)round + 1;
    if (waiting < barrier->parties)
        return false;
    if (!mproc_wake_op(&shared->round, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0))) {
        __atomic_store_n(&shared->round, round + 1, __ATOMIC_RELEASE);
        mproc_wake(&shared->round);
    }
    return true;
}

static int sleep_until_open(struct mproc_barrier *barrier, uint32_t round, uint64_t deadline_ns)
{
    struct mproc_wait_word words[MPROC_SEATS_MAX + 2] = {{&barrier->shared->round, round}};
    int err = 0;

    while (!err && load_round(barrier) == round) {
        size_t count = mproc_seats_watch(&barrier->handle.segment, &barrier->shared->seats, 0, words, 1);
        if (has_dead(barrier)) {
            /* The kernel may have woken this waiter alone. */
            mproc_wake(&barrier->shared->round);
            return fail_broken();
        }
        err = deadline_ns == MPROC_NOW ? -EAGAIN : mproc_wait_nap(words, count, deadline_ns);
    }
    return err == -ETIMEDOUT ? mproc_fail(err, "not all parties came to the barrier until the deadline")
                             : err;
}

/* This thread does not wait any longer. Returns 0 when the barrier has opened for it in the last moment. */
static int go_back(struct mproc_barrier *barrier, uint32_t seat, uint32_t round, int why)
{
    if (lock_state(barrier) != 0) {
        /* The others must not count on it. */
        mproc_seats_leave(&barrier->handle.segment, seat, true);
        return load_round(barrier) == round ? why : 0;
    }
    if (load_round(barrier) != round)
        why = 0;
    else
        __atomic_store_n(&barrier->shared->came[seat], 0, __ATOMIC_RELAXED);
    unlock_state(barrier);
    return why;
}

int mproc_barrier_wait(struct mproc_barrier *barrier, uint64_t deadline_ns, bool *ret_last)
{
    uint32_t seat;
    int err = mproc_handle_check(barrier, "barrier");

    if (!err)
        err = lock_state(barrier);
    if (err)
        return err;
    err = sit(barrier, &seat);
    uint32_t round = load_round(barrier);
    bool is_last = !err && come(barrier, seat, round);
    unlock_state(barrier);
    if (err)
        return err;
    if (!is_last) {
        err = sleep_until_open(barrier, round, deadline_ns);
        if (err)
            err = go_back(barrier, seat, round, err);
        if (err)
            return err;
    }
    if (ret_last)
        *ret_last = is_last;
    return 0;
}

static int leave(struct mproc_barrier *barrier, bool died)
{
    int err = mproc_handle_check(barrier, "barrier");

    if (err)
        return err;
    uint32_t seat = my_seat(barrier);
    if (seat == MPROC_NO_SEAT || !mproc_segment_own_seat(&barrier->handle.segment, seat, false))
        return mproc_fail(-EPERM, "this thread is no party of the barrier through this handle");
    mproc_seats_leave(&barrier->handle.segment, seat, died);
    return 0;
}

int mproc_barrier_leave(struct mproc_barrier *barrier)
{
    return leave(barrier, false);
}

int mproc_barrier_abort(struct mproc_barrier *barrier)
{
    return leave(barrier, true);
}

int mproc_barrier_reset(struct mproc_barrier *barrier)
{
    const struct mproc_segment *segment = &barrier->handle.segment;
    int err = mproc_handle_check(barrier, "barrier");

    if (!err)
        err = lock_state(barrier);
    if (err)
        return err;
    mproc_seats_free(segment, &barrier->shared->seats, mproc_seats_dead(segment, &barrier->shared->seats));
    unlock_state(barrier);
    return 0;
}

static int unpack_barrier(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_barrier *barrier;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_BARRIER, 1, sizeof(*barrier), &barrier);

    if (err)
        return err;
    const struct barrier_shared *shared = mproc_segment_body(&barrier->handle.segment);
    uint32_t parties = __atomic_load_n(&shared->parties, __ATOMIC_RELAXED);
    if (parties == 0 || parties > MPROC_BARRIER_PARTIES_MAX ||
        barrier->handle.segment.shape.seats != seats_for(parties))
        return mproc_handle_reject(barrier, "a barrier has other parties than seats");
    *ret_object = finish_handle(barrier, parties);
    return 0;
}

static void unref_barrier(void *object)
{
    mproc_barrier_unref(object);
}

const struct mproc_class mproc_barrier_class = {"barrier", mproc_handle_pack, unpack_barrier, unref_barrier};

int mproc_args_add_barrier(struct mproc_args *args, const struct mproc_barrier *barrier)
{
    return mproc_args_add_object(args, &mproc_barrier_class, barrier);
}

int mproc_args_get_barrier(const struct mproc_args *args, size_t index, struct mproc_barrier **ret_barrier)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_barrier_class, &object);

    if (!err)
        *ret_barrier = object;
    return err;
}
