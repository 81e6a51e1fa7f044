/*
 * A lock that its owner may take again. How often it has is told in shared memory, which only the owner looks
 * at: who comes after a dead one sets it anew.
 */
#include <mproc/rlock.h>

#include <errno.h>

#include "error_internal.h"
#include "mutex_internal.h"

struct rlock_shared {
    uint32_t deaths;
    uint32_t depth;
};

struct mproc_rlock {
    struct mproc_handle handle;
    struct mproc_lock lock;
    struct rlock_shared *shared;
};

static struct mproc_rlock *finish_handle(struct mproc_rlock *rlock)
{
    rlock->shared = mproc_segment_body(&rlock->handle.segment);
    rlock->lock = (struct mproc_lock){.word = mproc_segment_lock(&rlock->handle.segment, 0),
                                      .deaths = &rlock->shared->deaths,
                                      .what = "rlock"};
    return rlock;
}

int mproc_rlock_create(struct mproc_rlock **ret_rlock)
{
    static const struct mproc_segment_shape shape = {.kind = MPROC_SEGMENT_RLOCK, .controls = 1};
    struct mproc_rlock *rlock;
    int err = mproc_handle_create("mproc-rlock", &shape, sizeof(*rlock), &rlock);

    if (!err)
        *ret_rlock = finish_handle(rlock);
    return err;
}

struct mproc_rlock *mproc_rlock_ref(struct mproc_rlock *rlock)
{
    mproc_handle_ref(rlock);
    return rlock;
}

void mproc_rlock_unref(struct mproc_rlock *rlock)
{
    if (mproc_handle_unref(rlock))
        mproc_handle_end(rlock);
}

void mproc_rlock_set_repair(struct mproc_rlock *rlock, mproc_repair_fn *repair, void *user)
{
    if (mproc_handle_check(rlock, "rlock"))
        return;
    rlock->lock.repair = repair;
    rlock->lock.user = user;
}

static int lock_again(struct mproc_rlock *rlock)
{
    uint32_t depth = __atomic_load_n(&rlock->shared->depth, __ATOMIC_RELAXED);

    if (depth == UINT32_MAX)
        return mproc_fail(-EOVERFLOW, "this thread has taken the rlock %u times", depth);
    __atomic_store_n(&rlock->shared->depth, depth + 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(rlock->lock.word, __ATOMIC_RELAXED) & FUTEX_OWNER_DIED)
        return mproc_fail(-EOWNERDEAD, "the data of this rlock is still as a dead owner left it");
    return 0;
}

int mproc_rlock_lock(struct mproc_rlock *rlock, uint64_t deadline_ns)
{
    int err = mproc_handle_check(rlock, "rlock");

    if (err)
        return err;
    if (mproc_robust_is_mine(rlock->lock.word))
        return lock_again(rlock);
    /* Depth first: what a repair callback locks again, it also unlocks. */
    err = mproc_lock_take_raw(&rlock->lock, deadline_ns);
    if (err != 0 && err != -EOWNERDEAD)
        return err;
    __atomic_store_n(&rlock->shared->depth, 1, __ATOMIC_RELAXED);
    return err ? mproc_lock_repair(&rlock->lock) : 0;
}

int mproc_rlock_consistent(struct mproc_rlock *rlock)
{
    int err = mproc_handle_check(rlock, "rlock");

    return err ? err : mproc_lock_consistent(&rlock->lock);
}

int mproc_rlock_unlock(struct mproc_rlock *rlock)
{
    int err = mproc_handle_check(rlock, "rlock");

    if (err)
        return err;
    uint32_t depth = __atomic_load_n(&rlock->shared->depth, __ATOMIC_RELAXED);
    if (depth <= 1 || !mproc_robust_is_mine(rlock->lock.word))
        return mproc_lock_release(&rlock->lock);
    __atomic_store_n(&rlock->shared->depth, depth - 1, __ATOMIC_RELAXED);
    return 0;
}

pid_t mproc_rlock_owner(const struct mproc_rlock *rlock)
{
    return mproc_handle_check(rlock, "rlock") ? 0 : (pid_t)mproc_robust_owner(rlock->lock.word);
}

static int unpack_rlock(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_rlock *rlock;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_RLOCK, 1, sizeof(*rlock), &rlock);

    if (!err)
        *ret_object = finish_handle(rlock);
    return err;
}

static void unref_rlock(void *object)
{
    mproc_rlock_unref(object);
}

const struct mproc_class mproc_rlock_class = {"rlock", mproc_handle_pack, unpack_rlock, unref_rlock};

int mproc_args_add_rlock(struct mproc_args *args, const struct mproc_rlock *rlock)
{
    return mproc_args_add_object(args, &mproc_rlock_class, rlock);
}

int mproc_args_get_rlock(const struct mproc_args *args, size_t index, struct mproc_rlock **ret_rlock)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_rlock_class, &object);

    if (!err)
        *ret_rlock = object;
    return err;
}
