#include <mproc/mutex.h>

#include "mutex_internal.h"

static struct mproc_mutex *finish_handle(struct mproc_mutex *mutex)
{
    struct mutex_shared *shared = mproc_segment_body(&mutex->handle.segment);

    mutex->lock = (struct mproc_lock){
        .word = mproc_segment_lock(&mutex->handle.segment, 0), .deaths = &shared->deaths, .what = "mutex"};
    return mutex;
}

int mproc_mutex_create(struct mproc_mutex **ret_mutex)
{
    static const struct mproc_segment_shape shape = {.kind = MPROC_SEGMENT_MUTEX, .controls = 1};
    struct mproc_mutex *mutex;
    int err = mproc_handle_create("mproc-mutex", &shape, sizeof(*mutex), &mutex);

    if (!err)
        *ret_mutex = finish_handle(mutex);
    return err;
}

struct mproc_mutex *mproc_mutex_ref(struct mproc_mutex *mutex)
{
    mproc_handle_ref(mutex);
    return mutex;
}

void mproc_mutex_unref(struct mproc_mutex *mutex)
{
    if (mproc_handle_unref(mutex))
        mproc_handle_end(mutex);
}

void mproc_mutex_set_repair(struct mproc_mutex *mutex, mproc_repair_fn *repair, void *user)
{
    if (mproc_handle_check(mutex, "mutex"))
        return;
    mutex->lock.repair = repair;
    mutex->lock.user = user;
}

int mproc_mutex_lock(struct mproc_mutex *mutex, uint64_t deadline_ns)
{
    int err = mproc_handle_check(mutex, "mutex");

    return err ? err : mproc_lock_take(&mutex->lock, deadline_ns);
}

int mproc_mutex_consistent(struct mproc_mutex *mutex)
{
    int err = mproc_handle_check(mutex, "mutex");

    return err ? err : mproc_lock_consistent(&mutex->lock);
}

int mproc_mutex_unlock(struct mproc_mutex *mutex)
{
    int err = mproc_handle_check(mutex, "mutex");

    return err ? err : mproc_lock_release(&mutex->lock);
}

pid_t mproc_mutex_owner(const struct mproc_mutex *mutex)
{
    return mproc_handle_check(mutex, "mutex") ? 0 : (pid_t)mproc_robust_owner(mutex->lock.word);
}

static int unpack_mutex(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_mutex *mutex;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_MUTEX, 1, sizeof(*mutex), &mutex);

    if (!err)
        *ret_object = finish_handle(mutex);
    return err;
}

static void unref_mutex(void *object)
{
    mproc_mutex_unref(object);
}

const struct mproc_class mproc_mutex_class = {"mutex", mproc_handle_pack, unpack_mutex, unref_mutex};

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
