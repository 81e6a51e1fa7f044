#include <errno.h>

#include "error_internal.h"
#include "seats.h"
#include "semaphore_internal.h"

/* The unit that this thread took last: whoever takes and gives in turn finds it free again. */
static _Thread_local uint32_t last_unit;

/* Takes a unit that nobody has. Returns 0 or -EOWNERDEAD. Errors: -EAGAIN none; -ENOMEM. */
static int take_free(struct mproc_semaphore *semaphore, mproc_robust_word **ret_unit)
{
    const struct mproc_segment *segment = &semaphore->handle.segment;
    uint32_t unit = last_unit;

    for (uint32_t tried = 0; tried < semaphore->units; tried++, unit++) {
        unit = unit < semaphore->units ? unit : 0;
        if (mproc_seat_is_taken(mproc_seat_word(segment, unit)))
            continue;
        mproc_robust_word *own = mproc_segment_own_seat(segment, unit, true);
        if (!own)
            return mproc_fail(-ENOMEM, "no memory for a unit of the semaphore");
        int err = mproc_robust_lock(own, MPROC_NOW);
        if (err == -EAGAIN)
            continue;
        last_unit = unit;
        *ret_unit = own;
        return err;
    }
    return -EAGAIN;
}

static int repair_unit(struct mproc_semaphore *semaphore, mproc_robust_word *unit)
{
    int err = semaphore->repair ? semaphore->repair(semaphore->user) : 0;

    if (err) {
        mproc_robust_unlock(unit);
        return mproc_fail(err, "the repair callback gave up; who takes this unit next is asked again");
    }
    mproc_robust_repaired(unit);
    return semaphore->repair ? 0 : mproc_fail(-EOWNERDEAD, "a holder died with this unit of the semaphore");
}

/* Sleeps until a unit is given, or its holder dies. */
static int sleep_on_units(const struct mproc_semaphore *semaphore, uint64_t deadline_ns)
{
    const struct mproc_segment *segment = &semaphore->handle.segment;
    struct mproc_wait_word words[MPROC_SEMAPHORE_BOUND_MAX];
    uint32_t mine = 0;

    for (uint32_t unit = 0; unit < semaphore->units; unit++) {
        mproc_robust_word *word = mproc_segment_seat(segment, unit);
        words[unit] = mproc_seat_watch(word);
        mine += mproc_robust_is_mine(word);
    }
    if (mine == semaphore->units)
        return mproc_fail(-EDEADLK,
                          "this thread has all %u units of the semaphore, and would wait for itself", mine);
    return mproc_wait_nap(words, semaphore->units, deadline_ns);
}

int mproc_semaphore_bounded_acquire(struct mproc_semaphore *semaphore, uint64_t deadline_ns)
{
    mproc_robust_word *unit = NULL;

    for (;;) {
        int err = take_free(semaphore, &unit);
        if (err == -EOWNERDEAD)
            return repair_unit(semaphore, unit);
        if (err != -EAGAIN || deadline_ns == MPROC_NOW)
            return err;
        err = sleep_on_units(semaphore, deadline_ns);
        if (err == -ETIMEDOUT)
            return mproc_fail(err, "all %u units of the semaphore were taken until the deadline",
                              semaphore->units);
        if (err)
            return err;
    }
}

int mproc_semaphore_bounded_release(struct mproc_semaphore *semaphore)
{
    const struct mproc_segment *segment = &semaphore->handle.segment;
    uint32_t unit = last_unit;

    for (uint32_t tried = 0; tried < semaphore->units; tried++, unit++) {
        unit = unit < semaphore->units ? unit : 0;
        mproc_robust_word *own = mproc_segment_own_seat(segment, unit, false);
        if (own && mproc_robust_is_mine(own) && mproc_robust_unlock(own) == 0)
            return 0;
    }
    return mproc_fail(-EPERM, "this thread has no unit of the semaphore through this handle");
}

uint32_t mproc_semaphore_bounded_value(const struct mproc_semaphore *semaphore)
{
    uint32_t value = 0;

    for (uint32_t unit = 0; unit < semaphore->units; unit++)
        value += !mproc_seat_is_taken(mproc_seat_word(&semaphore->handle.segment, unit));
    return value;
}
