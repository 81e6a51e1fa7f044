#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/rlock.h>

#include "mutex_internal.h"
#include "step_sweep.h"

static struct mproc_rlock *new_rlock(void)
{
    struct mproc_rlock *rlock;

    cr_assert_eq(mproc_rlock_create(&rlock), 0, "%s", mproc_error_detail());
    return rlock;
}

static void *try_lock(void *arg)
{
    int err = mproc_rlock_lock(arg, MPROC_NOW);

    return (void *)(intptr_t)(err ? err : mproc_rlock_unlock(arg));
}

/* What another thread gets. */
static int result_elsewhere(struct mproc_rlock *rlock)
{
    pthread_t thread;
    void *result;

    cr_assert_eq(pthread_create(&thread, NULL, try_lock, rlock), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    return (int)(intptr_t)result;
}

static void die_holding(struct mproc_rlock *rlock)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            mproc_rlock_lock(rlock, MPROC_FOREVER);
        raise(SIGKILL);
    }
    cr_assert_eq(exit_code(pid), -1);
}

Test(rlock, is_free_when_unlocked_as_often_as_locked, .timeout = 10)
{
    struct mproc_rlock *rlock = new_rlock();

    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), 0);
    cr_assert_eq(mproc_rlock_owner(rlock), gettid());
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(result_elsewhere(rlock), -EAGAIN);
        cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    }
    cr_assert_eq(result_elsewhere(rlock), 0);
    cr_assert_eq(mproc_rlock_owner(rlock), 0);
    cr_assert_eq(mproc_rlock_unlock(rlock), -EPERM);
    cr_assert_eq(mproc_rlock_consistent(rlock), -EPERM);
    mproc_rlock_unref(rlock);
}

static void *unlock_it(void *arg)
{
    return (void *)(intptr_t)mproc_rlock_unlock(arg);
}

Test(rlock, is_unlocked_by_its_owner_only, .timeout = 10)
{
    struct mproc_rlock *rlock = new_rlock();
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), 0);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), 0);
    cr_assert_eq(pthread_create(&thread, NULL, unlock_it, rlock), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq((intptr_t)result, -EPERM);
    pid_t pid = fork();
    if (pid == 0)
        _exit(mproc_rlock_unlock(rlock) == -EPERM && mproc_rlock_lock(rlock, MPROC_NOW) == -EAGAIN ? 0 : 1);
    cr_assert_eq(exit_code(pid), 0);
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    mproc_rlock_unref(rlock);
}

Test(rlock, tells_of_a_death_until_it_is_mended, .timeout = 10)
{
    struct mproc_rlock *rlock = new_rlock();

    die_holding(rlock);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), -EOWNERDEAD);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), -EOWNERDEAD, "not mended yet");
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    cr_assert_eq(result_elsewhere(rlock), -EOWNERDEAD, "nor now, and its depth is not that of the dead one");
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), -EOWNERDEAD);
    cr_assert_eq(mproc_rlock_consistent(rlock), 0);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), 0);
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    cr_assert_eq(result_elsewhere(rlock), -EAGAIN);
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    cr_assert_eq(result_elsewhere(rlock), 0);
    mproc_rlock_unref(rlock);
}

/* Calls what locks again, as repairs do. */
static int repair_inside(void *user)
{
    struct mproc_rlock *rlock = user;

    return mproc_rlock_lock(rlock, MPROC_NOW) == -EOWNERDEAD ? mproc_rlock_unlock(rlock) : -EIO;
}

Test(rlock, lets_a_callback_repair, .timeout = 10)
{
    struct mproc_rlock *rlock = new_rlock();

    mproc_rlock_set_repair(rlock, repair_inside, rlock);
    die_holding(rlock);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), 0, "%s", mproc_error_detail());
    cr_assert_eq(result_elsewhere(rlock), -EAGAIN);
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    cr_assert_eq(result_elsewhere(rlock), 0);
    mproc_rlock_unref(rlock);
}

Test(rlock, travels_and_knows_its_owner_through_any_handle, .timeout = 10)
{
    struct mproc_rlock *rlock = new_rlock();
    struct mproc_parcel parcel = {0};
    void *other;

    cr_assert_eq(mproc_rlock_class.pack(rlock, &parcel), 0);
    cr_assert_eq(mproc_mutex_class.unpack(&parcel, &other), -EBADMSG, "an rlock is no mutex");
    cr_assert_eq(mproc_rlock_class.unpack(&parcel, &other), 0);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), 0);
    cr_assert_eq(mproc_rlock_lock(other, MPROC_NOW), 0);
    cr_assert_eq(mproc_rlock_unlock(other), 0);
    cr_assert_eq(mproc_rlock_unlock(other), -EPERM, "the last time is for the handle of the first");
    cr_assert_eq(mproc_rlock_unlock(rlock), 0);
    mproc_rlock_unref(other);
    mproc_rlock_unref(rlock);
    cr_assert_eq(mproc_rlock_lock(rlock, MPROC_NOW), -EBADF);
    cr_assert_eq(mproc_rlock_unlock(rlock), -EBADF);
    cr_assert_eq(mproc_rlock_consistent(rlock), -EBADF);
    cr_assert_eq(mproc_rlock_owner(rlock), 0);
    mproc_rlock_unref(rlock);
}

struct world {
    struct mproc_rlock *rlock;
    volatile long first, second, repairs;
};

static int repair_pair(void *user)
{
    struct world *world = user;

    world->second = world->first;
    world->repairs++;
    return 0;
}

static void change_pair(void *arg)
{
    struct world *world = arg;

    mproc_rlock_lock(world->rlock, MPROC_FOREVER);
    world->first++;
    mproc_rlock_lock(world->rlock, MPROC_FOREVER);
    world->second++;
    mproc_rlock_unlock(world->rlock);
    mproc_rlock_unlock(world->rlock);
}

static void judge_pair(void *arg, long at)
{
    struct world *world = arg;

    cr_assert_eq(mproc_rlock_lock(world->rlock, mproc_deadline_ms(2000)), 0, "instruction %ld: %s", at,
                 mproc_error_detail());
    cr_assert_eq(world->first, world->second, "instruction %ld", at);
    cr_assert_eq(mproc_rlock_unlock(world->rlock), 0);
    cr_assert_eq(result_elsewhere(world->rlock), 0, "instruction %ld", at);
}

Test(rlock, survives_a_kill_at_every_instruction, .timeout = STEP_TIMEOUT_S)
{
    struct world *world = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert(world != MAP_FAILED);
    world->rlock = new_rlock();
    mproc_rlock_set_repair(world->rlock, repair_pair, world);
    long points = step_sweep(
        &(struct step_sweep){.body = change_pair, .after = judge_pair, .arg = world, .points = 150});
    cr_assert(world->repairs > 0 && world->repairs < points);
    mproc_rlock_unref(world->rlock);
    munmap(world, 4096);
}
