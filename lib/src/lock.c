#include "lock.h"

#include <errno.h>

#include "error_internal.h"
#include "wait.h"

int mproc_lock_repair(const struct mproc_lock *lock)
{
    if (lock->deaths) {
        __atomic_fetch_add(lock->deaths, 1, __ATOMIC_RELEASE);
        mproc_wake(lock->deaths);
    }
    if (!lock->repair)
        return mproc_fail(-EOWNERDEAD,
                          "an owner died holding this %s: mend the data, then call mproc_%s_consistent()",
                          lock->what, lock->what);
    int err = lock->repair(lock->user);
    if (!err)
        return mproc_robust_repaired(lock->word);
    mproc_robust_unlock(lock->word);
    return mproc_fail(err, "the repair callback gave up; the next owner of the %s is asked again",
                      lock->what);
}

int mproc_lock_take_raw(const struct mproc_lock *lock, uint64_t deadline_ns)
{
    int err = mproc_robust_lock(lock->word, deadline_ns);

    if (err == -EDEADLK)
        return mproc_fail(err, "this thread holds the %s already and would wait for itself", lock->what);
    if (err == -ETIMEDOUT)
        return mproc_fail(err, "thread %u holds the %s: is it stuck or stopped?",
                          mproc_robust_owner(lock->word), lock->what);
    return err;
}

int mproc_lock_take(const struct mproc_lock *lock, uint64_t deadline_ns)
{
    int err = mproc_lock_take_raw(lock, deadline_ns);

    return err == -EOWNERDEAD ? mproc_lock_repair(lock) : err;
}

int mproc_lock_consistent(const struct mproc_lock *lock)
{
    int err = mproc_robust_repaired(lock->word);

    return err == -EPERM
               ? mproc_fail(err, "only the owner of a %s may declare its data consistent", lock->what)
               : err;
}

int mproc_lock_release(const struct mproc_lock *lock)
{
    int err = mproc_robust_unlock(lock->word);

    if (err == -EPERM)
        return mproc_fail(err,
                          "this thread does not hold the %s through this handle; thread %u does (0: nobody)",
                          lock->what, mproc_robust_owner(lock->word));
    return err;
}
