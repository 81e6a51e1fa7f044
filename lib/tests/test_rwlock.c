#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/rwlock.h>
#include <mproc/stop.h>

#include "rwlock_internal.h"
#include "segment.h"
#include "step_sweep.h"

enum { LONG_MS = 10000 };

typedef int lock_fn(struct mproc_rwlock *rwlock, uint64_t deadline_ns);

static struct mproc_rwlock *new_rwlock(void)
{
    struct mproc_rwlock *rwlock;

    cr_assert_eq(mproc_rwlock_create(&rwlock), 0, "%s", mproc_error_detail());
    return rwlock;
}

/* A child that holds the lock and waits to be killed. */
static pid_t start_holder(struct mproc_rwlock *rwlock, lock_fn *lock)
{
    int ready[2];
    char byte;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (lock(rwlock, MPROC_NOW) == 0)
            (void)!write(ready[1], "", 1);
        else
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

/* A child that locks and unlocks; its status is the negative result. */
static pid_t start_user(struct mproc_rwlock *rwlock, lock_fn *lock)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int err = lock(rwlock, mproc_deadline_ms(LONG_MS));
    if (!err)
        err = mproc_rwlock_unlock(rwlock);
    _exit(-err);
}

/* What another process gets. */
static int result_elsewhere(struct mproc_rwlock *rwlock, lock_fn *lock)
{
    pid_t pid = fork();

    if (pid == 0) {
        int err = lock(rwlock, MPROC_NOW);
        if (!err)
            err = mproc_rwlock_unlock(rwlock);
        _exit(-err);
    }
    return -exit_code(pid);
}

TestSuite(rwlock, .timeout = 20);

Test(rwlock, lets_in_many_readers_or_one_writer)
{
    struct mproc_rwlock *rwlock = new_rwlock();

    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_NOW), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), -EAGAIN);
    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_NOW), 0);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), -EAGAIN);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), -EPERM);
    cr_assert_eq(mproc_rwlock_write(rwlock, MPROC_NOW), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), -EAGAIN);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), -EAGAIN);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), 0);
    mproc_rwlock_unref(mproc_rwlock_ref(rwlock));
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, refuses_to_wait_for_itself)
{
    struct mproc_rwlock *rwlock = new_rwlock();

    cr_assert_eq(mproc_rwlock_consistent(rwlock), -EPERM);
    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_rwlock_write(rwlock, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), 0, "the gate is open again");
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    cr_assert_eq(mproc_rwlock_write(rwlock, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_rwlock_write(rwlock, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    mproc_rwlock_unref(rwlock);
    cr_expect_eq(mproc_rwlock_read(rwlock, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_rwlock_write(rwlock, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_rwlock_unlock(rwlock), -EBADF);
    cr_expect_eq(mproc_rwlock_consistent(rwlock), -EBADF);
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, does_not_starve_a_writer_and_lets_a_reader_read_again)
{
    struct mproc_rwlock *rwlock = new_rwlock();

    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_NOW), 0);
    pid_t writer = start_user(rwlock, mproc_rwlock_write);
    await_rest(writer);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), -EAGAIN, "no new readers");
    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_FOREVER), 0, "but this one was inside");
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    pid_t reader = start_user(rwlock, mproc_rwlock_read);
    await_rest(reader);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    cr_assert_eq(exit_code(writer), 0);
    cr_assert_eq(exit_code(reader), 0);
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, times_out_not_before_its_deadline)
{
    struct mproc_rwlock *rwlock = new_rwlock();
    pid_t holder = start_holder(rwlock, mproc_rwlock_read);
    uint64_t deadline_ns = mproc_deadline_ms(10);

    cr_assert_eq(mproc_rwlock_write(rwlock, deadline_ns), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    cr_assert_not_null(strstr(mproc_error_detail(), "reading"));
    kill_and_reap(holder);
    holder = start_holder(rwlock, mproc_rwlock_write);
    cr_assert_eq(mproc_rwlock_read(rwlock, mproc_deadline_ms(10)), -ETIMEDOUT);
    kill_and_reap(holder);
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, does_not_mind_a_dead_reader)
{
    forbid_naps();
    struct mproc_rwlock *rwlock = new_rwlock();
    pid_t holder = start_holder(rwlock, mproc_rwlock_read);
    pid_t writer = start_user(rwlock, mproc_rwlock_write);

    await_rest(writer);
    kill_and_reap(holder);
    cr_assert_eq(exit_code(writer), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), 0);
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, does_not_mind_a_writer_that_died_waiting)
{
    struct mproc_rwlock *rwlock = new_rwlock();

    cr_assert_eq(mproc_rwlock_read(rwlock, MPROC_NOW), 0);
    pid_t writer = start_user(rwlock, mproc_rwlock_write);
    await_rest(writer);
    kill_and_reap(writer);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), 0);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
    cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), 0);
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, tells_of_a_dead_writer_until_it_is_mended)
{
    struct mproc_rwlock *rwlock = new_rwlock();
    lock_fn *const ways[] = {mproc_rwlock_read, mproc_rwlock_write};

    for (int i = 0; i < 2; i++) {
        kill_and_reap(start_holder(rwlock, mproc_rwlock_write));
        cr_assert_eq(result_elsewhere(rwlock, ways[i]), -EOWNERDEAD);
        /* That one ended with it. */
        cr_assert_eq(ways[i](rwlock, MPROC_NOW), -EOWNERDEAD);
        cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), -EAGAIN, "held for writing");
        cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
        cr_assert_eq(ways[i](rwlock, MPROC_NOW), -EOWNERDEAD);
        cr_assert_eq(mproc_rwlock_consistent(rwlock), 0);
        cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
        cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), 0);
        cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), 0);
    }
    mproc_rwlock_unref(rwlock);
}

static int repair_or_not(void *user)
{
    int *left = user;

    return (*left)-- > 0 ? -EIO : 0;
}

Test(rwlock, lets_a_callback_repair)
{
    struct mproc_rwlock *rwlock = new_rwlock();
    lock_fn *const ways[] = {mproc_rwlock_read, mproc_rwlock_write};
    int failures;

    mproc_rwlock_set_repair(rwlock, repair_or_not, &failures);
    for (int i = 0; i < 2; i++) {
        failures = 1;
        kill_and_reap(start_holder(rwlock, mproc_rwlock_write));
        cr_assert_eq(ways[i](rwlock, MPROC_NOW), -EIO);
        cr_assert_eq(ways[i](rwlock, MPROC_NOW), 0);
        cr_assert_eq(failures, -1);
        cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_read), i == 0 ? 0 : -EAGAIN);
        cr_assert_eq(mproc_rwlock_unlock(rwlock), 0);
        cr_assert_eq(result_elsewhere(rwlock, mproc_rwlock_write), 0);
    }
    mproc_rwlock_unref(rwlock);
}

Test(rwlock, makes_readers_wait_for_whom_there_is_no_room)
{
    struct mproc_rwlock *rwlock = new_rwlock();
    pid_t readers[MPROC_RWLOCK_READERS_MAX];

    for (int i = 0; i < MPROC_RWLOCK_READERS_MAX; i++)
        readers[i] = start_holder(rwlock, mproc_rwlock_read);
    cr_expect_eq(mproc_rwlock_read(rwlock, MPROC_NOW), -EAGAIN);
    cr_expect_eq(mproc_rwlock_read(rwlock, mproc_deadline_ms(5)), -ETIMEDOUT);
    pid_t reader = start_user(rwlock, mproc_rwlock_read);
    await_rest(reader);
    kill_and_reap(readers[40]);
    cr_expect_eq(exit_code(reader), 0);
    for (int i = 0; i < MPROC_RWLOCK_READERS_MAX; i++) {
        if (i != 40)
            kill_and_reap(readers[i]);
    }
    cr_expect_eq(result_elsewhere(rwlock, mproc_rwlock_write), 0);
    mproc_rwlock_unref(rwlock);
}

struct stopped {
    struct mproc_rwlock *rwlock;
    lock_fn *lock;
    struct mproc_stop *stop;
};

static void *lock_under_token(void *arg)
{
    struct stopped *stopped = arg;

    mproc_stop_enter(stopped->stop);
    return (void *)(intptr_t)stopped->lock(stopped->rwlock, mproc_deadline_ms(LONG_MS));
}

Test(rwlock, stops_waiting_when_the_thread_is_stopped)
{
    struct stopped stopped = {new_rwlock(), mproc_rwlock_read, NULL};
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_rwlock_write(stopped.rwlock, MPROC_NOW), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(mproc_stop_new(NULL, &stopped.stop), 0);
        cr_assert_eq(pthread_create(&thread, NULL, lock_under_token, &stopped), 0);
        mproc_stop_request(stopped.stop, MPROC_STOP_WARM);
        cr_assert_eq(pthread_join(thread, &result), 0);
        cr_assert_eq((intptr_t)result, -ECANCELED);
        mproc_stop_unref(stopped.stop);
        stopped.lock = mproc_rwlock_write;
    }
    cr_assert_eq(mproc_rwlock_unlock(stopped.rwlock), 0);
    mproc_rwlock_unref(stopped.rwlock);
}

Test(rwlock, travels)
{
    struct mproc_rwlock *rwlock = new_rwlock();
    struct mproc_parcel parcel = {0};
    void *other;

    cr_assert_eq(mproc_rwlock_class.pack(rwlock, &parcel), 0);
    cr_assert_eq(mproc_rwlock_class.unpack(&parcel, &other), 0);
    cr_assert_eq(mproc_rwlock_read(other, MPROC_NOW), 0);
    cr_assert_eq(mproc_rwlock_write(rwlock, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(mproc_rwlock_unlock(rwlock), -EPERM, "locked through the other handle");
    cr_assert_eq(mproc_rwlock_unlock(other), 0);
    mproc_rwlock_class.unref(other);
    mproc_rwlock_unref(rwlock);
}

/* Two numbers that are equal whenever nobody writes. */
struct world {
    struct mproc_rwlock *rwlock;
    volatile long first, second, repairs, reads;
};

static int repair_pair(void *user)
{
    struct world *world = user;

    world->second = world->first;
    world->repairs++;
    return 0;
}

static struct world *new_world(void)
{
    struct world *world = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert(world != MAP_FAILED);
    world->rwlock = new_rwlock();
    mproc_rwlock_set_repair(world->rwlock, repair_pair, world);
    return world;
}

static void end_world(struct world *world)
{
    mproc_rwlock_unref(world->rwlock);
    munmap(world, 4096);
}

static void body_write(void *arg)
{
    struct world *world = arg;

    if (mproc_rwlock_write(world->rwlock, MPROC_FOREVER) != 0)
        _exit(1);
    world->first++;
    world->second++;
    mproc_rwlock_unlock(world->rwlock);
}

static void body_read(void *arg)
{
    struct world *world = arg;

    if (mproc_rwlock_read(world->rwlock, MPROC_FOREVER) != 0)
        _exit(1);
    world->reads++;
    mproc_rwlock_unlock(world->rwlock);
}

/* Readers and writers go on, and readers find the pair whole. */
static void judge_pair(void *arg, long at)
{
    struct world *world = arg;

    cr_assert_eq(mproc_rwlock_read(world->rwlock, mproc_deadline_ms(2000)), 0, "instruction %ld: %s", at,
                 mproc_error_detail());
    cr_assert_eq(world->first, world->second, "instruction %ld", at);
    cr_assert_eq(mproc_rwlock_unlock(world->rwlock), 0);
    cr_assert_eq(mproc_rwlock_write(world->rwlock, mproc_deadline_ms(2000)), 0, "instruction %ld: %s", at,
                 mproc_error_detail());
    cr_assert_eq(mproc_rwlock_unlock(world->rwlock), 0);
}

Test(rwlock, survives_a_kill_at_every_instruction_of_a_writer, .timeout = STEP_TIMEOUT_S)
{
    struct world *world = new_world();
    long points = step_sweep(
        &(struct step_sweep){.body = body_write, .after = judge_pair, .arg = world, .points = 150});

    cr_assert(world->repairs > 0 && world->repairs < points);
    end_world(world);
}

Test(rwlock, survives_a_kill_at_every_instruction_of_a_reader, .timeout = STEP_TIMEOUT_S)
{
    struct world *world = new_world();

    step_sweep(&(struct step_sweep){.body = body_read, .after = judge_pair, .arg = world, .points = 150});
    cr_assert_eq(world->repairs, 0, "a dead reader is nothing to mend");
    end_world(world);
}

static _Noreturn void use_for_ever(struct world *world, bool writes)
{
    for (;;) {
        lock_fn *lock = writes ? mproc_rwlock_write : mproc_rwlock_read;
        if (lock(world->rwlock, mproc_deadline_ms(LONG_MS)) != 0)
            _exit(1);
        if (world->first != world->second)
            _exit(2);
        if (writes) {
            world->first++;
            world->second++;
        } else {
            __atomic_fetch_add(&world->reads, 1, __ATOMIC_RELAXED);
        }
        if (mproc_rwlock_unlock(world->rwlock) != 0)
            _exit(3);
    }
}

Test(rwlock, weathers_a_storm_of_kills, .timeout = 60)
{
    enum { USERS = 5, STORM_MS = 1500 };
    struct world *world = new_world();
    unsigned seed = (unsigned)mproc_clock_ns();
    pid_t users[USERS] = {0};
    long kills = 0;

    for (uint64_t end_ns = mproc_deadline_ms(STORM_MS); mproc_clock_ns() < end_ns; kills++) {
        int victim = rand_r(&seed) % USERS;
        if (users[victim]) {
            kill(users[victim], SIGKILL);
            cr_assert_eq(exit_code(users[victim]), -1, "a user found the pair torn, or waited in vain");
        }
        users[victim] = fork();
        if (users[victim] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            use_for_ever(world, victim % 2 == 0);
        }
        mproc_stop_sleep(mproc_clock_ns() + (uint64_t)(rand_r(&seed) % 1000000));
    }
    for (int i = 0; i < USERS; i++) {
        if (users[i]) {
            kill(users[i], SIGKILL);
            cr_expect_eq(exit_code(users[i]), -1);
        }
    }
    judge_pair(world, -1);
    cr_log_info("%ld kills, %ld writes, %ld reads, %ld repairs", kills, world->first, world->reads,
                world->repairs);
    cr_expect(world->first > kills && world->reads > kills);
    end_world(world);
}
