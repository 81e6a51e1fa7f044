/*
 * Conditions.
 *
 * Whoever waits or notifies sits in a seat, so that its death is known, and everything here changes under the
 * mutex. Who waits sleeps on a word of its own place, which a notification changes; so exactly those wake who
 * were meant, in the order in which they came. Who finds a dead one that had been notified and had not come
 * out passes the notification on. Who finds that the mutex had a dead owner goes out and looks: the dead one
 * may have changed what is waited for, and not have told.
 */
#include <mproc/condition.h>

#include <errno.h>
#include <linux/futex.h>
#include <sys/stat.h>

#include "condition_internal.h"
#include "error_internal.h"
#include "mutex_internal.h"
#include "seats.h"
#include "stop_internal.h"

/* After a timeout or a stop the mutex has to be had again all the same. */
static const uint64_t return_ms = 1000;

enum { PLACE_FREE, PLACE_WAITING, PLACE_NOTIFIED };

struct place {
    uint32_t state; /* futex word */
    uint32_t ticket;
};

struct condition_shared {
    uint64_t mutex_device;
    uint64_t mutex_inode;
    struct mproc_seats seats;
    uint32_t next_ticket;
    struct place places[MPROC_CONDITION_THREADS_MAX];
};

struct mproc_condition {
    struct mproc_handle handle;
    struct condition_shared *shared;
    struct mproc_mutex *mutex;
};

static struct mproc_condition *finish_handle(struct mproc_condition *condition, struct mproc_mutex *mutex)
{
    condition->shared = mproc_segment_body(&condition->handle.segment);
    condition->mutex = mutex ? mproc_mutex_ref(mutex) : NULL;
    return condition;
}

int mproc_condition_create(struct mproc_mutex *mutex, struct mproc_condition **ret_condition)
{
    static const struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_CONDITION, .controls = 1, .seats = MPROC_CONDITION_THREADS_MAX};
    struct mproc_condition *condition;
    struct stat status;
    int err = mproc_handle_check(mutex, "mutex");

    if (err)
        return err;
    if (fstat(mutex->handle.segment.fd, &status) != 0)
        return mproc_fail(-errno, "the mutex has lost its descriptor; who closed it?");
    err = mproc_handle_create("mproc-condition", &shape, sizeof(*condition), &condition);
    if (err)
        return err;
    finish_handle(condition, mutex);
    condition->shared->mutex_device = status.st_dev;
    condition->shared->mutex_inode = status.st_ino;
    *ret_condition = condition;
    return 0;
}

struct mproc_condition *mproc_condition_ref(struct mproc_condition *condition)
{
    mproc_handle_ref(condition);
    return condition;
}

void mproc_condition_unref(struct mproc_condition *condition)
{
    if (!mproc_handle_unref(condition))
        return;
    uint32_t seat = mproc_seats_mine(&condition->handle.segment, &condition->shared->seats);
    if (seat != MPROC_NO_SEAT)
        mproc_seats_leave(&condition->handle.segment, seat, false);
    mproc_mutex_unref(condition->mutex);
    mproc_handle_end(condition);
}

static uint32_t load_state(const struct mproc_condition *condition, uint32_t seat)
{
    return __atomic_load_n(&condition->shared->places[seat].state, __ATOMIC_ACQUIRE);
}

static void store_state(struct mproc_condition *condition, uint32_t seat, uint32_t state)
{
    __atomic_store_n(&condition->shared->places[seat].state, state, __ATOMIC_RELEASE);
}

/* Who came first of those that wait, or MPROC_NO_SEAT. */
static uint32_t find_first(const struct mproc_condition *condition)
{
    const struct condition_shared *shared = condition->shared;
    uint32_t first = MPROC_NO_SEAT;

    for (uint32_t seat = 0; seat < mproc_seats_used(&condition->handle.segment, &shared->seats); seat++) {
        if (load_state(condition, seat) != PLACE_WAITING)
            continue;
        if (first == MPROC_NO_SEAT ||
            (int32_t)(shared->places[seat].ticket - shared->places[first].ticket) < 0)
            first = seat;
    }
    return first;
}

static void notify_first(struct mproc_condition *condition, uint32_t count)
{
    for (; count > 0; count--) {
        uint32_t seat = find_first(condition);
        if (seat == MPROC_NO_SEAT)
            return;
        uint32_t *state = &condition->shared->places[seat].state;
        if (!mproc_wake_op(state, FUTEX_OP(FUTEX_OP_SET, PLACE_NOTIFIED, FUTEX_OP_CMP_EQ, 0))) {
            store_state(condition, seat, PLACE_NOTIFIED);
            mproc_wake(state);
        }
    }
}

/* Frees the places of the dead, and passes on what they were told. */
static void bury_dead(struct mproc_condition *condition)
{
    const struct mproc_segment *segment = &condition->handle.segment;
    uint64_t dead = mproc_seats_dead(segment, &condition->shared->seats);
    uint32_t untold = 0;

    for (uint64_t left = dead; left != 0; left &= left - 1) {
        uint32_t seat = (uint32_t)__builtin_ctzll(left);
        untold += load_state(condition, seat) == PLACE_NOTIFIED;
        store_state(condition, seat, PLACE_FREE);
    }
    mproc_seats_free(segment, &condition->shared->seats, dead);
    notify_first(condition, untold);
}

/* The seat of the calling thread, which takes one if need be. Errors: -EUSERS, -ENOMEM. */
static int sit(struct mproc_condition *condition, uint32_t *ret_seat)
{
    const struct mproc_segment *segment = &condition->handle.segment;
    uint32_t seat = mproc_seats_mine(segment, &condition->shared->seats);

    if (seat != MPROC_NO_SEAT) {
        *ret_seat = seat;
        return 0;
    }
    for (seat = 0; seat < segment->shape.seats; seat++) {
        if (mproc_seat_word(segment, seat) != 0)
            continue;
        store_state(condition, seat, PLACE_FREE);
        int err = mproc_seats_take(segment, &condition->shared->seats, seat);
        if (!err)
            *ret_seat = seat;
        if (err != -EAGAIN)
            return err;
    }
    return mproc_fail(-EUSERS, "%u threads use this condition, and there is no room for one more", seat);
}

static int check_owner(const struct mproc_condition *condition)
{
    int err = mproc_handle_check(condition, "condition");

    if (!err && !mproc_robust_is_mine(condition->mutex->lock.word))
        err = mproc_fail(-EPERM, "lock the mutex of the condition first");
    return err;
}

static uint32_t load_deaths(const struct mproc_condition *condition)
{
    return __atomic_load_n(condition->mutex->lock.deaths, __ATOMIC_ACQUIRE);
}

/* Whether the mutex is as a dead owner left it. */
static bool is_orphaned(const struct mproc_condition *condition)
{
    uint32_t word = __atomic_load_n(condition->mutex->lock.word, __ATOMIC_RELAXED);

    return (word & (FUTEX_TID_MASK | FUTEX_OWNER_DIED)) == FUTEX_OWNER_DIED;
}

/* Sleeps until there is a reason to come out, or to look after a dead one. */
static int sleep_in_place(struct mproc_condition *condition, uint32_t seat, uint32_t deaths,
                          uint64_t deadline_ns)
{
    const struct mproc_segment *segment = &condition->handle.segment;
    struct mproc_seats *seats = &condition->shared->seats;
    struct mproc_wait_word words[MPROC_SEATS_MAX + 3] = {
        {&condition->shared->places[seat].state, PLACE_WAITING},
        {condition->mutex->lock.deaths, deaths},
    };
    int err = 0;

    while (!err && load_state(condition, seat) == PLACE_WAITING && load_deaths(condition) == deaths &&
           !is_orphaned(condition)) {
        size_t count = mproc_seats_watch(segment, seats, UINT64_C(1) << seat, words, 2);
        if (mproc_seats_dead(segment, seats) != 0)
            break;
        err = mproc_wait_nap(words, count, deadline_ns);
    }
    return err;
}

/* Errors: -ENOLCK the mutex cannot be had. */
static int lock_again(struct mproc_condition *condition, uint64_t deadline_ns)
{
    int err = mproc_lock_take(&condition->mutex->lock, deadline_ns == MPROC_NOW ? 1 : deadline_ns);

    if (err != -ETIMEDOUT && err != -ECANCELED)
        return err;
    struct mproc_stop *stop = mproc_stop_enter(mproc_stop_shield());
    err = mproc_lock_take(&condition->mutex->lock, mproc_deadline_ms(return_ms));
    mproc_stop_enter(stop);
    return err == -ETIMEDOUT ? mproc_fail(-ENOLCK,
                                          "thread %u has the mutex and does not give it back: is it "
                                          "stopped? It is not held now",
                                          mproc_robust_owner(condition->mutex->lock.word))
                             : err;
}

/* The mutex is held before and after, unless -ENOLCK or the repair callback says otherwise. */
static int wait_in_place(struct mproc_condition *condition, uint32_t seat, uint64_t deadline_ns)
{
    uint32_t deaths = load_deaths(condition);

    for (;;) {
        int err = mproc_lock_release(&condition->mutex->lock);
        if (err)
            return err;
        err = sleep_in_place(condition, seat, deaths, deadline_ns);
        int lock_err = lock_again(condition, deadline_ns);
        if (lock_err && lock_err != -EOWNERDEAD) {
            /* As if this thread had ended: what it was told is another's now. */
            mproc_seats_leave(&condition->handle.segment, seat, true);
            return lock_err;
        }
        bury_dead(condition);
        if (lock_err || load_deaths(condition) != deaths || load_state(condition, seat) != PLACE_WAITING)
            return lock_err;
        if (err)
            return err == -ETIMEDOUT ? mproc_fail(err, "nobody notified the condition until the deadline")
                                     : err;
    }
}

int mproc_condition_wait(struct mproc_condition *condition, uint64_t deadline_ns)
{
    uint32_t seat;
    int err = check_owner(condition);

    if (err)
        return err;
    bury_dead(condition);
    err = sit(condition, &seat);
    if (err)
        return err;
    condition->shared->places[seat].ticket = condition->shared->next_ticket++;
    store_state(condition, seat, PLACE_WAITING);
    err = wait_in_place(condition, seat, deadline_ns);
    if (mproc_robust_is_mine(condition->mutex->lock.word))
        store_state(condition, seat, PLACE_FREE);
    return err;
}

int mproc_condition_notify(struct mproc_condition *condition, uint32_t count)
{
    uint32_t seat;
    int err = check_owner(condition);

    if (err)
        return err;
    bury_dead(condition);
    /* Should this thread die before it unlocks, a waiter is woken for it. Without a seat they find out, too.
     */
    if (count > 0 && find_first(condition) != MPROC_NO_SEAT)
        sit(condition, &seat);
    notify_first(condition, count);
    return 0;
}

int mproc_condition_notify_all(struct mproc_condition *condition)
{
    return mproc_condition_notify(condition, MPROC_CONDITION_THREADS_MAX);
}

static int unpack_condition(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_condition *condition;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_CONDITION, 1, sizeof(*condition), &condition);

    if (err)
        return err;
    if (condition->handle.segment.shape.seats != MPROC_CONDITION_THREADS_MAX)
        return mproc_handle_reject(condition, "a condition has other seats");
    *ret_object = finish_handle(condition, NULL);
    return 0;
}

static void unref_condition(void *object)
{
    mproc_condition_unref(object);
}

const struct mproc_class mproc_condition_class = {"condition", mproc_handle_pack, unpack_condition,
                                                  unref_condition};

int mproc_condition_bind(struct mproc_condition *condition, struct mproc_mutex *mutex)
{
    struct stat status;
    int err = mproc_handle_check(mutex, "mutex");

    if (err)
        return err;
    if (fstat(mutex->handle.segment.fd, &status) != 0)
        return mproc_fail(-errno, "the mutex has lost its descriptor; who closed it?");
    if (condition->shared->mutex_device != status.st_dev || condition->shared->mutex_inode != status.st_ino)
        return mproc_fail(-EINVAL, "the condition was made for another mutex");
    condition->mutex = mproc_mutex_ref(mutex);
    return 0;
}

int mproc_args_add_condition(struct mproc_args *args, const struct mproc_condition *condition)
{
    return mproc_args_add_object(args, &mproc_condition_class, condition);
}

int mproc_args_get_condition(const struct mproc_args *args, size_t index, struct mproc_mutex *mutex,
                             struct mproc_condition **ret_condition)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_condition_class, &object);

    if (err)
        return err;
    err = mproc_condition_bind(object, mutex);
    if (err) {
        mproc_condition_unref(object);
        return err;
    }
    *ret_condition = object;
    return 0;
}
