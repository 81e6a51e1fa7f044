#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/stop.h>
#include <mproc/sync.h>

#include "mutex_internal.h"
#include "sleeper.h"
#include "step.h"

/* What the mutexes of these tests protect: two numbers that are equal whenever nobody is at them. */
struct pair {
    volatile long first;
    volatile long second;
    volatile long repairs;
};

static struct mproc_mutex *new_mutex(void)
{
    struct mproc_mutex *mutex;

    cr_assert_eq(mproc_mutex_create(&mutex), 0, "%s", mproc_error_detail());
    return mutex;
}

static struct pair *new_pair(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert(page != MAP_FAILED);
    return page;
}

static int repair_pair(void *user)
{
    struct pair *pair = user;

    pair->second = pair->first;
    pair->repairs++;
    return 0;
}

/* A child that takes the mutex and is killed with it. */
static void die_holding(struct mproc_mutex *mutex)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        raise(SIGKILL);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status));
}

Test(mutex, locks_and_unlocks, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(mproc_mutex_owner(mutex), 0);
        cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
        cr_assert_eq(mproc_mutex_owner(mutex), gettid());
        cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    }
    cr_assert_eq(mproc_mutex_ref(mutex), mutex);
    mproc_mutex_unref(mutex);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
    mproc_mutex_unref(NULL);
}

Test(mutex, refuses_to_lock_twice, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();

    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EDEADLK);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

Test(mutex, times_out_and_tells_the_owner, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    char owner[20];

    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_FOREVER), 0);
    snprintf(owner, sizeof(owner), "thread %d ", (int)gettid());
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t deadline_ns = mproc_deadline_ms(30);
        int code = mproc_mutex_lock(mutex, MPROC_NOW) == -EAGAIN ? 0 : 1;
        if (mproc_mutex_lock(mutex, deadline_ns) != -ETIMEDOUT || mproc_clock_ns() < deadline_ns)
            code |= 2;
        _exit(code | (strstr(mproc_error_detail(), owner) ? 0 : 4));
    }
    cr_assert_eq(exit_code(pid), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

static void *unlock_it(void *arg)
{
    return (void *)(intptr_t)mproc_mutex_unlock(arg);
}

Test(mutex, is_unlocked_by_its_owner_only, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_mutex_unlock(mutex), -EPERM);
    cr_assert_eq(mproc_mutex_consistent(mutex), -EPERM);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_FOREVER), 0);
    cr_assert_eq(pthread_create(&thread, NULL, unlock_it, mutex), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq((intptr_t)result, -EPERM);
    pid_t pid = fork();
    if (pid == 0)
        _exit(mproc_mutex_unlock(mutex) == -EPERM ? 0 : 1);
    cr_assert_eq(exit_code(pid), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

Test(mutex, reports_the_death_of_its_owner_until_repaired, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();

    die_holding(mutex);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EOWNERDEAD);
        cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EDEADLK);
        cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    }
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EOWNERDEAD);
    cr_assert_eq(mproc_mutex_consistent(mutex), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

Test(mutex, lets_a_callback_repair, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    struct pair *pair = new_pair();

    mproc_mutex_set_repair(mutex, repair_pair, pair);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    cr_assert_eq(pair->repairs, 0);
    die_holding(mutex);
    pair->first = 5;
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
        cr_assert_eq(pair->second, 5);
        cr_assert_eq(pair->repairs, 1);
        cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    }
    mproc_mutex_unref(mutex);
    munmap(pair, 4096);
}

static int give_up(void *user)
{
    (*(int *)user)++;
    return -EIO;
}

Test(mutex, asks_the_next_one_when_a_repair_gives_up, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    int asked = 0;

    mproc_mutex_set_repair(mutex, give_up, &asked);
    die_holding(mutex);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EIO);
    cr_assert_eq(mproc_mutex_owner(mutex), 0);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EIO);
    cr_assert_eq(asked, 2);
    mproc_mutex_set_repair(mutex, NULL, NULL);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EOWNERDEAD);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

static void *lock_and_end(void *arg)
{
    mproc_mutex_lock(arg, MPROC_FOREVER);
    return NULL;
}

Test(mutex, survives_a_thread_that_ends_with_it, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, lock_and_end, mutex), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(mproc_mutex_lock(mutex, mproc_deadline_ms(2000)), -EOWNERDEAD);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

Test(mutex, wakes_all_waiters_of_a_dead_owner, .timeout = 20)
{
    enum { WAITERS = 4 };
    struct mproc_mutex *mutex = new_mutex();
    struct pair *pair = new_pair();
    pid_t waiters[WAITERS];
    int ready[2];
    char byte;

    mproc_mutex_set_repair(mutex, repair_pair, pair);
    cr_assert_eq(pipe(ready), 0);
    pid_t owner = fork();
    if (owner == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        (void)!write(ready[1], "", 1);
        pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = fork();
        if (waiters[i] == 0) {
            (void)!write(ready[1], "", 1);
            int err = mproc_mutex_lock(mutex, mproc_deadline_ms(10000));
            _exit(err ? 1 : -mproc_mutex_unlock(mutex));
        }
        cr_assert_eq(read(ready[0], &byte, 1), 1);
    }
    kill(owner, SIGKILL);
    cr_assert_eq(exit_code(owner), -1);
    for (int i = 0; i < WAITERS; i++)
        cr_expect_eq(exit_code(waiters[i]), 0);
    cr_expect_eq(pair->repairs, 1);
    mproc_mutex_unref(mutex);
    munmap(pair, 4096);
}

Test(mutex, excludes, .timeout = 20)
{
    enum { PROCESSES = 4, ROUNDS = 20000 };
    struct mproc_mutex *mutex = new_mutex();
    struct pair *pair = new_pair();
    pid_t pids[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (int round = 0; round < ROUNDS; round++) {
                if (mproc_mutex_lock(mutex, mproc_deadline_ms(10000)) != 0)
                    _exit(1);
                pair->first++;
                if (mproc_mutex_unlock(mutex) != 0)
                    _exit(2);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++)
        cr_expect_eq(exit_code(pids[i]), 0);
    cr_expect_eq(pair->first, (long)PROCESSES * ROUNDS);
    mproc_mutex_unref(mutex);
    munmap(pair, 4096);
}

struct stopped_lock {
    struct mproc_mutex *mutex;
    struct mproc_stop *stop;
    int result;
};

static void *lock_under_token(void *arg)
{
    struct stopped_lock *lock = arg;

    mproc_stop_enter(lock->stop);
    lock->result = mproc_mutex_lock(lock->mutex, mproc_deadline_ms(5000));
    return NULL;
}

Test(mutex, stops_waiting_when_the_thread_is_stopped, .timeout = 10)
{
    struct stopped_lock lock = {.mutex = new_mutex()};
    pthread_t thread;

    cr_assert_eq(mproc_stop_new(NULL, &lock.stop), 0);
    cr_assert_eq(mproc_mutex_lock(lock.mutex, MPROC_NOW), 0);
    cr_assert_eq(pthread_create(&thread, NULL, lock_under_token, &lock), 0);
    mproc_stop_request(lock.stop, MPROC_STOP_WARM);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(lock.result, -ECANCELED);
    cr_assert_eq(mproc_mutex_unlock(lock.mutex), 0);
    mproc_mutex_unref(lock.mutex);
    mproc_stop_unref(lock.stop);
}

Test(mutex, shares_the_robust_list_with_pthread, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    pthread_mutex_t *theirs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < 3; i++)
        pthread_mutex_init(&theirs[i], &attr);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(&theirs[0]);
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        pthread_mutex_lock(&theirs[1]);
        pthread_mutex_lock(&theirs[2]);
        mproc_mutex_unlock(mutex);
        pthread_mutex_unlock(&theirs[1]);
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        raise(SIGKILL);
    }
    cr_assert_eq(exit_code(pid), -1);
    cr_expect_eq(mproc_mutex_lock(mutex, MPROC_NOW), -EOWNERDEAD);
    cr_expect_eq(pthread_mutex_trylock(&theirs[0]), EOWNERDEAD);
    cr_expect_eq(pthread_mutex_trylock(&theirs[1]), 0);
    cr_expect_eq(pthread_mutex_trylock(&theirs[2]), EOWNERDEAD);
    mproc_mutex_unlock(mutex);
    mproc_mutex_unref(mutex);
    munmap(theirs, 4096);
}

Test(mutex, given_up_while_held_does_not_hide_others_from_the_kernel, .timeout = 10)
{
    struct mproc_mutex *kept = new_mutex();

    pid_t pid = fork();
    if (pid == 0) {
        struct mproc_mutex *dropped;
        if (mproc_mutex_lock(kept, MPROC_NOW) != 0 || mproc_mutex_create(&dropped) != 0 ||
            mproc_mutex_lock(dropped, MPROC_NOW) != 0)
            _exit(1);
        mproc_mutex_unref(dropped);
        raise(SIGKILL);
    }
    cr_assert_eq(exit_code(pid), -1);
    cr_assert_eq(mproc_mutex_lock(kept, MPROC_NOW), -EOWNERDEAD);
    mproc_mutex_unlock(kept);
    mproc_mutex_unref(kept);
}

Test(mutex, works_in_a_child_that_libc_did_not_make, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();

    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0) {
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        kill((pid_t)syscall(SYS_getpid), SIGKILL);
    }
    cr_assert_eq(exit_code(pid), -1);
    cr_assert_eq(mproc_mutex_lock(mutex, mproc_deadline_ms(1000)), -EOWNERDEAD);
    mproc_mutex_unlock(mutex);
    mproc_mutex_unref(mutex);
}

Test(mutex, travels, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    struct mproc_parcel parcel = {0};
    void *object;

    cr_assert_eq(mproc_mutex_class.pack(mutex, &parcel), 0);
    cr_assert_eq(mproc_mutex_class.unpack(&parcel, &object), 0);
    cr_assert_eq(mproc_mutex_lock(object, MPROC_NOW), 0);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(mproc_mutex_unlock(mutex), -EPERM, "locked through the other handle");
    cr_assert_eq(mproc_mutex_unlock(object), 0);
    mproc_mutex_class.unref(object);
    cr_assert_eq(mproc_mutex_lock(mutex, MPROC_NOW), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    mproc_mutex_unref(mutex);
}

Test(mutex, is_not_made_from_anything_else, .timeout = 10)
{
    struct mproc_mutex *mutex = new_mutex();
    struct mproc_parcel parcel = {0};
    void *object = NULL;

    cr_expect_eq(mproc_mutex_class.unpack(&parcel, &object), -EBADMSG);
    parcel = (struct mproc_parcel){.fds = {open("/dev/zero", O_RDWR | O_CLOEXEC)}, .nfds = 1};
    cr_expect_eq(mproc_mutex_class.unpack(&parcel, &object), -EBADMSG);
    close(parcel.fds[0]);
    parcel.fds[0] = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_expect_eq(ftruncate(parcel.fds[0], 4096), 0);
    cr_expect_eq(mproc_mutex_class.unpack(&parcel, &object), -EBADMSG, "not sealed");
    cr_expect_eq(fcntl(parcel.fds[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    cr_expect_eq(mproc_mutex_class.unpack(&parcel, &object), -EBADMSG, "no header");
    close(parcel.fds[0]);
    cr_expect_eq(mproc_mutex_class.pack(mutex, &parcel), 0);
    parcel.meta_len = 1;
    cr_expect_eq(mproc_mutex_class.unpack(&parcel, &object), -EBADMSG);
    close(parcel.fds[0]);
    cr_expect_null(object);
    mproc_mutex_unref(mutex);
}

struct step_world {
    struct mproc_mutex *mutex;
    struct pair *pair;
};

static void change_pair(void *arg)
{
    struct step_world *world = arg;

    /* No deadline: the vDSO's clock reads anew when a tick passes, which makes single steps endless. */
    if (mproc_mutex_lock(world->mutex, MPROC_FOREVER) != 0)
        _exit(1);
    world->pair->first++;
    world->pair->second++;
    mproc_mutex_unlock(world->mutex);
}

/* After each kill the next owner must get the mutex at once, and find the pair whole. */
Test(mutex, survives_a_kill_at_every_instruction, .timeout = STEP_TIMEOUT_S)
{
    struct step_world world = {new_mutex(), new_pair()};
    long died_inside = 0;
    long points = 0;

    mproc_mutex_set_repair(world.mutex, repair_pair, world.pair);
    change_pair(&world);
    long count = step_count(change_pair, &world);
    if (count == 0)
        cr_skip_test("no ptrace here");
    struct step_walk walk = step_walk(count, 150);
    for (long at = walk.first; at < count; at += walk.stride, points++) {
        long repairs = world.pair->repairs;
        pid_t pid = step_start(change_pair, &world);
        if (step_over(pid, at))
            step_kill(pid);
        cr_assert_eq(mproc_mutex_lock(world.mutex, mproc_deadline_ms(2000)), 0, "instruction %ld: %s", at,
                     mproc_error_detail());
        cr_assert_eq(world.pair->first, world.pair->second, "instruction %ld", at);
        cr_assert_eq(mproc_mutex_unlock(world.mutex), 0);
        died_inside += world.pair->repairs - repairs;
    }
    cr_log_info("%ld of %ld instructions, %ld owners died holding it", points, count, died_inside);
    cr_assert_gt(died_inside, 0);
    cr_assert_lt(died_inside, points);
    mproc_mutex_unref(world.mutex);
    munmap(world.pair, 4096);
}

/* The owner dies in its unlock while another sleeps on the mutex: the sleeper must get it, by its own. */
Test(mutex, wakes_a_sleeper_though_killed_at_any_instruction_of_unlock, .timeout = STEP_TIMEOUT_S)
{
    struct step_world world = {new_mutex(), new_pair()};
    long points = 0;

    forbid_naps();
    mproc_mutex_set_repair(world.mutex, repair_pair, world.pair);
    change_pair(&world);
    long whole = step_count(change_pair, &world);
    if (whole == 0)
        cr_skip_test("no ptrace here");
    struct step_walk walk = step_walk(whole, 150);
    for (long at = walk.first; at < whole + 40; at += walk.stride) {
        pid_t owner = step_start(change_pair, &world);
        bool alive = true;
        long done = 0;
        while (alive && mproc_mutex_owner(world.mutex) != owner && done < 2 * whole) {
            alive = step_over(owner, 1);
            done++;
        }
        cr_assert(alive && done < 2 * whole);
        pid_t sleeper = fork();
        if (sleeper == 0) {
            int err = mproc_mutex_lock(world.mutex, mproc_deadline_ms(10000));
            _exit(err ? 1 : -mproc_mutex_unlock(world.mutex));
        }
        await_sleep(sleeper);
        alive = step_over(owner, at);
        if (alive)
            step_kill(owner);
        cr_assert_eq(exit_code(sleeper), 0, "instruction %ld", at);
        points++;
        if (!alive)
            break;
    }
    cr_log_info("%ld kill points", points);
    mproc_mutex_unref(world.mutex);
    munmap(world.pair, 4096);
}

static void change_pairs_for_ever(struct step_world *world)
{
    for (;;) {
        if (mproc_mutex_lock(world->mutex, mproc_deadline_ms(5000)) != 0)
            _exit(1);
        if (world->pair->first != world->pair->second)
            _exit(2);
        world->pair->first++;
        world->pair->second++;
        if (mproc_mutex_unlock(world->mutex) != 0)
            _exit(3);
    }
}

static pid_t start_changing(struct step_world *world)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        change_pairs_for_ever(world);
    }
    return pid;
}

Test(mutex, weathers_a_storm_of_kills, .timeout = 60)
{
    enum { WORKERS = 4, STORM_MS = 1500 };
    struct step_world world = {new_mutex(), new_pair()};
    uint64_t end_ns = mproc_deadline_ms(STORM_MS);
    unsigned seed = 1;
    pid_t workers[WORKERS];
    long kills = 0;
    long last = 0;

    mproc_mutex_set_repair(world.mutex, repair_pair, world.pair);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start_changing(&world);
    while (mproc_clock_ns() < end_ns) {
        int victim = rand_r(&seed) % WORKERS;
        mproc_stop_sleep(mproc_clock_ns() + (uint64_t)(rand_r(&seed) % 1000000));
        kill(workers[victim], SIGKILL);
        cr_assert_eq(exit_code(workers[victim]), -1, "a worker found the pair torn, or waited in vain");
        workers[victim] = start_changing(&world);
        kills++;
    }
    last = world.pair->first;
    cr_assert_eq(mproc_mutex_lock(world.mutex, mproc_deadline_ms(5000)), 0);
    cr_expect_eq(world.pair->first, world.pair->second);
    cr_expect_gt(world.pair->first, kills);
    cr_assert_eq(mproc_mutex_unlock(world.mutex), 0);
    for (int i = 0; i < WORKERS; i++) {
        kill(workers[i], SIGKILL);
        cr_expect_eq(exit_code(workers[i]), -1);
    }
    cr_log_info("%ld kills, %ld changes, %ld repairs", kills, last, world.pair->repairs);
    mproc_mutex_unref(world.mutex);
    munmap(world.pair, 4096);
}
