/* What has references is there until the last of them is given back, and then it is refused. */
#include <errno.h>

#include <criterion/criterion.h>

#include <mproc/deadline.h>
#include <mproc/sync.h>

TestSuite(references, .timeout = 60);

static uint64_t soon(void)
{
    return mproc_deadline_ms(20000);
}

Test(references, of_a_barrier)
{
    struct mproc_barrier *barrier = NULL;

    cr_assert_eq(mproc_barrier_create(1, &barrier), 0);
    cr_assert_eq(mproc_barrier_ref(barrier), barrier);
    mproc_barrier_unref(barrier);
    cr_expect_eq(mproc_barrier_wait(barrier, soon(), NULL), 0);
    mproc_barrier_unref(barrier);
    cr_expect_eq(mproc_barrier_wait(barrier, soon(), NULL), -EBADF);
}

Test(references, of_an_rlock)
{
    struct mproc_rlock *rlock = NULL;

    cr_assert_eq(mproc_rlock_create(&rlock), 0);
    cr_assert_eq(mproc_rlock_ref(rlock), rlock);
    mproc_rlock_unref(rlock);
    cr_expect_eq(mproc_rlock_lock(rlock, soon()), 0);
    cr_expect_eq(mproc_rlock_unlock(rlock), 0);
    mproc_rlock_unref(rlock);
    cr_expect_eq(mproc_rlock_lock(rlock, soon()), -EBADF);
}

Test(references, of_a_condition)
{
    struct mproc_condition *condition = NULL;
    struct mproc_mutex *mutex = NULL;

    cr_assert_eq(mproc_mutex_create(&mutex), 0);
    cr_assert_eq(mproc_condition_create(mutex, &condition), 0);
    cr_assert_eq(mproc_condition_ref(condition), condition);
    mproc_condition_unref(condition);
    cr_expect_eq(mproc_mutex_lock(mutex, soon()), 0);
    cr_expect_eq(mproc_condition_wait(condition, MPROC_NOW), -EAGAIN);
    mproc_condition_unref(condition);
    cr_expect_eq(mproc_condition_wait(condition, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}
