#include <mproc/semaphore.h>

#include <errno.h>
#include <linux/futex.h>

#include "error_internal.h"
#include "semaphore_internal.h"
#include "wait.h"

/* Seats come in pairs. */
static uint32_t seats_for(uint32_t units)
{
    return (units + 1) & ~UINT32_C(1);
}

static struct mproc_semaphore *finish_handle(struct mproc_semaphore *semaphore, uint32_t units)
{
    semaphore->shared = mproc_segment_body(&semaphore->handle.segment);
    semaphore->units = units;
    return semaphore;
}

int mproc_semaphore_create(const struct mproc_semaphore_options *options,
                           struct mproc_semaphore **ret_semaphore)
{
    struct mproc_segment_shape shape = {.kind = MPROC_SEGMENT_SEMAPHORE, .controls = 1};
    struct mproc_semaphore *semaphore;

    if (options->bounded && (options->units == 0 || options->units > MPROC_SEMAPHORE_BOUND_MAX))
        return mproc_fail(-EINVAL, "a bounded semaphore of %u units; it can have 1 to %d", options->units,
                          MPROC_SEMAPHORE_BOUND_MAX);
    if (options->units > MPROC_SEMAPHORE_UNITS_MAX)
        return mproc_fail(-EINVAL, "a semaphore of %u units; it can have up to %d", options->units,
                          MPROC_SEMAPHORE_UNITS_MAX);
    if (options->bounded)
        shape.seats = seats_for(options->units);
    int err = mproc_handle_create("mproc-semaphore", &shape, sizeof(*semaphore), &semaphore);
    if (err)
        return err;
    finish_handle(semaphore, options->bounded ? options->units : 0);
    *semaphore->shared =
        (struct semaphore_shared){.word = options->bounded ? 0 : options->units * SEMAPHORE_UNIT,
                                  .units = options->units,
                                  .bounded = options->bounded};
    *ret_semaphore = semaphore;
    return 0;
}

struct mproc_semaphore *mproc_semaphore_ref(struct mproc_semaphore *semaphore)
{
    mproc_handle_ref(semaphore);
    return semaphore;
}

void mproc_semaphore_unref(struct mproc_semaphore *semaphore)
{
    if (mproc_handle_unref(semaphore))
        mproc_handle_end(semaphore);
}

void mproc_semaphore_set_repair(struct mproc_semaphore *semaphore, mproc_repair_fn *repair, void *user)
{
    if (mproc_handle_check(semaphore, "semaphore"))
        return;
    semaphore->repair = repair;
    semaphore->user = user;
}

static uint32_t load_word(const struct mproc_semaphore *semaphore)
{
    return __atomic_load_n(&semaphore->shared->word, __ATOMIC_RELAXED);
}

static bool step_word(struct mproc_semaphore *semaphore, uint32_t *expected, uint32_t desired)
{
    return __atomic_compare_exchange_n(&semaphore->shared->word, expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static int acquire_plain(struct mproc_semaphore *semaphore, uint64_t deadline_ns)
{
    uint32_t word = load_word(semaphore);

    for (;;) {
        if (word >= SEMAPHORE_UNIT) {
            if (step_word(semaphore, &word, (word - SEMAPHORE_UNIT) & ~SEMAPHORE_SLEEPER))
                return 0;
            continue;
        }
        if (deadline_ns == MPROC_NOW)
            return -EAGAIN;
        if (word != SEMAPHORE_SLEEPER && !step_word(semaphore, &word, SEMAPHORE_SLEEPER))
            continue;
        int err = mproc_wait_one(&semaphore->shared->word, SEMAPHORE_SLEEPER, deadline_ns);
        if (err)
            return err == -ETIMEDOUT
                       ? mproc_fail(err, "no unit of the semaphore was given until the deadline")
                       : err;
        word = load_word(semaphore);
    }
}

int mproc_semaphore_acquire(struct mproc_semaphore *semaphore, uint64_t deadline_ns)
{
    int err = mproc_handle_check(semaphore, "semaphore");

    if (err)
        return err;
    return semaphore->units ? mproc_semaphore_bounded_acquire(semaphore, deadline_ns)
                            : acquire_plain(semaphore, deadline_ns);
}

static int release_plain(struct mproc_semaphore *semaphore, uint32_t count)
{
    uint32_t word = load_word(semaphore);

    do {
        if (word / SEMAPHORE_UNIT + count > MPROC_SEMAPHORE_UNITS_MAX)
            return mproc_fail(-EOVERFLOW, "the semaphore has %u units, and cannot have %u more",
                              word / SEMAPHORE_UNIT, count);
        if (word & SEMAPHORE_SLEEPER) {
            if (!mproc_wake_op(&semaphore->shared->word,
                               FUTEX_OP(FUTEX_OP_ADD, count * SEMAPHORE_UNIT, FUTEX_OP_CMP_EQ, 0))) {
                __atomic_fetch_add(&semaphore->shared->word, count * SEMAPHORE_UNIT, __ATOMIC_ACQ_REL);
                mproc_wake(&semaphore->shared->word);
            }
            return 0;
        }
    } while (!step_word(semaphore, &word, word + count * SEMAPHORE_UNIT));
    return 0;
}

int mproc_semaphore_release(struct mproc_semaphore *semaphore)
{
    int err = mproc_handle_check(semaphore, "semaphore");

    if (err)
        return err;
    return semaphore->units ? mproc_semaphore_bounded_release(semaphore) : release_plain(semaphore, 1);
}

int mproc_semaphore_release_many(struct mproc_semaphore *semaphore, uint32_t count)
{
    int err = mproc_handle_check(semaphore, "semaphore");

    if (err)
        return err;
    if (semaphore->units)
        return mproc_fail(-EINVAL, "the units of a bounded semaphore are given back one by one");
    if (count == 0 || count > MPROC_SEMAPHORE_RELEASE_MAX)
        return mproc_fail(-EINVAL, "%u units at once; it can be 1 to %d", count, MPROC_SEMAPHORE_RELEASE_MAX);
    return release_plain(semaphore, count);
}

uint32_t mproc_semaphore_value(const struct mproc_semaphore *semaphore)
{
    if (mproc_handle_check(semaphore, "semaphore"))
        return 0;
    return semaphore->units ? mproc_semaphore_bounded_value(semaphore)
                            : load_word(semaphore) / SEMAPHORE_UNIT;
}

static int unpack_semaphore(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_semaphore *semaphore;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_SEMAPHORE, 1, sizeof(*semaphore), &semaphore);

    if (err)
        return err;
    const struct semaphore_shared *shared = mproc_segment_body(&semaphore->handle.segment);
    uint32_t seats = semaphore->handle.segment.shape.seats;
    uint32_t units = __atomic_load_n(&shared->units, __ATOMIC_RELAXED);
    if (__atomic_load_n(&shared->bounded, __ATOMIC_RELAXED) == 0)
        units = 0;
    if (seats != seats_for(units) || units > MPROC_SEMAPHORE_BOUND_MAX)
        return mproc_handle_reject(semaphore, "a semaphore has other units than seats");
    *ret_object = finish_handle(semaphore, units);
    return 0;
}

static void unref_semaphore(void *object)
{
    mproc_semaphore_unref(object);
}

const struct mproc_class mproc_semaphore_class = {"semaphore", mproc_handle_pack, unpack_semaphore,
                                                  unref_semaphore};

int mproc_args_add_semaphore(struct mproc_args *args, const struct mproc_semaphore *semaphore)
{
    return mproc_args_add_object(args, &mproc_semaphore_class, semaphore);
}

int mproc_args_get_semaphore(const struct mproc_args *args, size_t index,
                             struct mproc_semaphore **ret_semaphore)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_semaphore_class, &object);

    if (!err)
        *ret_semaphore = object;
    return err;
}
