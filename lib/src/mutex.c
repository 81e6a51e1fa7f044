#include <mproc/mutex.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "error_internal.h"
#include "mutex_internal.h"
#include "segment.h"

struct mproc_mutex {
    mproc_robust_word *lock;
    mproc_repair_fn *repair;
    void *user;
    struct mproc_segment segment;
    _Atomic unsigned refs;
};

static int wrap_segment(struct mproc_segment *segment, struct mproc_mutex **ret_mutex)
{
    struct mproc_mutex *mutex = malloc(sizeof(*mutex));

    if (!mutex)
        return mproc_fail(-ENOMEM, "no memory for a handle");
    *mutex = (struct mproc_mutex){.lock = mproc_segment_lock(segment, 0), .segment = *segment, .refs = 1};
    *ret_mutex = mutex;
    return 0;
}

int mproc_mutex_create(struct mproc_mutex **ret_mutex)
{
    static const struct mproc_segment_shape shape = {.kind = MPROC_SEGMENT_MUTEX, .controls = 1};
    struct mproc_segment segment;
    int err = mproc_segment_create("mproc-mutex", &shape, &segment);

    if (err)
        return err;
    err = wrap_segment(&segment, ret_mutex);
    if (err)
        mproc_segment_close(&segment);
    return err;
}

struct mproc_mutex *mproc_mutex_ref(struct mproc_mutex *mutex)
{
    atomic_fetch_add_explicit(&mutex->refs, 1, memory_order_relaxed);
    return mutex;
}

void mproc_mutex_unref(struct mproc_mutex *mutex)
{
    if (!mutex || atomic_fetch_sub_explicit(&mutex->refs, 1, memory_order_acq_rel) != 1)
        return;
    mproc_segment_close(&mutex->segment);
    free(mutex);
}

void mproc_mutex_set_repair(struct mproc_mutex *mutex, mproc_repair_fn *repair, void *user)
{
    mutex->repair = repair;
    mutex->user = user;
}

static int repair_after_death(struct mproc_mutex *mutex)
{
    if (!mutex->repair)
        return mproc_fail(-EOWNERDEAD, "an owner died holding this mutex: mend the data, then call "
                                       "mproc_mutex_consistent()");
    int err = mutex->repair(mutex->user);
    if (!err)
        return mproc_robust_repaired(mutex->lock);
    mproc_robust_unlock(mutex->lock);
    return mproc_fail(err, "the repair callback gave up; the next owner of the mutex is asked again");
}

int mproc_mutex_lock(struct mproc_mutex *mutex, uint64_t deadline_ns)
{
    int err = mproc_robust_lock(mutex->lock, deadline_ns);

    if (err == 0)
        return 0;
    if (err == -EOWNERDEAD)
        return repair_after_death(mutex);
    if (err == -EDEADLK)
        return mproc_fail(err, "this thread holds the mutex already and would wait for itself");
    if (err == -ETIMEDOUT)
        return mproc_fail(err, "thread %u holds the mutex: is it stuck or stopped?",
                          mproc_robust_owner(mutex->lock));
    return err;
}

int mproc_mutex_consistent(struct mproc_mutex *mutex)
{
    int err = mproc_robust_repaired(mutex->lock);

    return err == -EPERM ? mproc_fail(err, "only the owner of a mutex may declare its data consistent") : err;
}

int mproc_mutex_unlock(struct mproc_mutex *mutex)
{
    int err = mproc_robust_unlock(mutex->lock);

    if (err == -EPERM)
        return mproc_fail(err, "this thread does not hold the mutex; thread %u does (0: nobody)",
                          mproc_robust_owner(mutex->lock));
    return err;
}

pid_t mproc_mutex_owner(const struct mproc_mutex *mutex)
{
    return (pid_t)mproc_robust_owner(mutex->lock);
}

static int pack_mutex(const void *object, struct mproc_parcel *ret_parcel)
{
    return mproc_segment_pack(&((const struct mproc_mutex *)object)->segment, ret_parcel);
}

static int unpack_mutex(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_segment segment;
    struct mproc_mutex *mutex;
    int err = mproc_segment_unpack(parcel, MPROC_SEGMENT_MUTEX, 1, &segment);

    if (err)
        return err;
    err = wrap_segment(&segment, &mutex);
    if (err) {
        mproc_segment_unmap(&segment);
        return err;
    }
    *ret_object = mutex;
    return 0;
}

static void unref_mutex(void *object)
{
    mproc_mutex_unref(object);
}

const struct mproc_class mproc_mutex_class = {"mutex", pack_mutex, unpack_mutex, unref_mutex};

int mproc_args_add_mutex(struct mproc_args *args, const struct mproc_mutex *mutex)
{
    return mproc_args_add_object(args, &mproc_mutex_class, mutex);
}

int mproc_args_get_mutex(const struct mproc_args *args, size_t index, struct mproc_mutex **ret_mutex)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_mutex_class, &object);

    if (!err)
        *ret_mutex = object;
    return err;
}
