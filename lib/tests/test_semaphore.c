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
#include <mproc/semaphore.h>
#include <mproc/stop.h>

#include "semaphore_internal.h"
#include "step_sweep.h"

enum { LONG_MS = 10000 };

static struct mproc_semaphore *new_semaphore(uint32_t units, bool bounded)
{
    struct mproc_semaphore *semaphore;

    cr_assert_eq(mproc_semaphore_create(&(struct mproc_semaphore_options){units, bounded}, &semaphore), 0,
                 "%s", mproc_error_detail());
    return semaphore;
}

/* A child that takes a unit; its status is the negative result. */
static pid_t start_taker(struct mproc_semaphore *semaphore)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(-mproc_semaphore_acquire(semaphore, mproc_deadline_ms(LONG_MS)));
}

/* A child that has taken so many units and waits to be killed. */
static pid_t start_holder(struct mproc_semaphore *semaphore, int units)
{
    int ready[2];
    char byte;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; i < units; i++)
            mproc_semaphore_acquire(semaphore, MPROC_NOW);
        (void)!write(ready[1], "", 1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

TestSuite(semaphore, .timeout = 20);

Test(semaphore, counts)
{
    struct mproc_semaphore *semaphore = new_semaphore(2, false);

    cr_assert_eq(mproc_semaphore_value(semaphore), 2);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), 0);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), -EAGAIN);
    uint64_t deadline_ns = mproc_deadline_ms(10);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, deadline_ns), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    cr_assert_eq(mproc_semaphore_release(semaphore), 0);
    cr_assert_eq(mproc_semaphore_release_many(semaphore, 1000), 0);
    cr_assert_eq(mproc_semaphore_value(semaphore), 1001);
    cr_assert_eq(mproc_semaphore_ref(semaphore), semaphore);
    mproc_semaphore_unref(semaphore);
    mproc_semaphore_unref(semaphore);
    mproc_semaphore_unref(NULL);
}

Test(semaphore, refuses_what_cannot_be)
{
    struct mproc_semaphore *semaphore = NULL;

    cr_expect_eq(mproc_semaphore_create(&(struct mproc_semaphore_options){0, true}, &semaphore), -EINVAL);
    cr_expect_eq(mproc_semaphore_create(&(struct mproc_semaphore_options){65, true}, &semaphore), -EINVAL);
    cr_expect_eq(mproc_semaphore_create(&(struct mproc_semaphore_options){UINT32_MAX, false}, &semaphore),
                 -EINVAL);
    cr_expect_null(semaphore);
    semaphore = new_semaphore(MPROC_SEMAPHORE_UNITS_MAX, false);
    cr_expect_eq(mproc_semaphore_release(semaphore), -EOVERFLOW);
    cr_expect_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), 0);
    cr_expect_eq(mproc_semaphore_release_many(semaphore, 2), -EOVERFLOW);
    cr_expect_eq(mproc_semaphore_release(semaphore), 0);
    cr_expect_eq(mproc_semaphore_release_many(semaphore, 0), -EINVAL);
    cr_expect_eq(mproc_semaphore_release_many(semaphore, 1001), -EINVAL);
    mproc_semaphore_unref(semaphore);
    cr_expect_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_semaphore_release(semaphore), -EBADF);
    cr_expect_eq(mproc_semaphore_release_many(semaphore, 1), -EBADF);
    cr_expect_eq(mproc_semaphore_value(semaphore), 0);
    mproc_semaphore_unref(semaphore);
}

Test(semaphore, lets_as_many_in_as_units_are_given)
{
    enum { TAKERS = 6 };
    struct mproc_semaphore *semaphore = new_semaphore(0, false);
    pid_t takers[TAKERS];

    for (int i = 0; i < TAKERS; i++)
        takers[i] = start_taker(semaphore);
    for (int i = 0; i < TAKERS; i++)
        await_rest(takers[i]);
    cr_assert_eq(mproc_semaphore_release_many(semaphore, 2), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_gt(waitpid(-1, NULL, 0), 0);
    /* The other four sleep on; were there a unit more, one would come out here. */
    cr_assert_eq(mproc_semaphore_value(semaphore), 0);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), -EAGAIN);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), 0);
    cr_assert_eq(mproc_semaphore_release_many(semaphore, 4), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_gt(waitpid(-1, NULL, 0), 0);
    cr_assert_eq(mproc_semaphore_value(semaphore), 0);
    mproc_semaphore_unref(semaphore);
}

static void *take_under_token(void *arg)
{
    void **pair = arg;

    mproc_stop_enter(pair[1]);
    return (void *)(intptr_t)mproc_semaphore_acquire(pair[0], mproc_deadline_ms(LONG_MS));
}

static int stopped_result(struct mproc_semaphore *semaphore)
{
    struct mproc_stop *stop;
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_stop_new(NULL, &stop), 0);
    void *pair[] = {semaphore, stop};
    cr_assert_eq(pthread_create(&thread, NULL, take_under_token, pair), 0);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    cr_assert_eq(pthread_join(thread, &result), 0);
    mproc_stop_unref(stop);
    return (int)(intptr_t)result;
}

Test(semaphore, stops_waiting_when_the_thread_is_stopped)
{
    struct mproc_semaphore *plain = new_semaphore(0, false);
    struct mproc_semaphore *bounded = new_semaphore(1, true);

    cr_assert_eq(mproc_semaphore_acquire(bounded, MPROC_NOW), 0);
    cr_assert_eq(stopped_result(plain), -ECANCELED);
    cr_assert_eq(stopped_result(bounded), -ECANCELED);
    mproc_semaphore_release(bounded);
    mproc_semaphore_unref(plain);
    mproc_semaphore_unref(bounded);
}

static void *release_it(void *arg)
{
    return (void *)(intptr_t)mproc_semaphore_release(arg);
}

Test(semaphore, bounded_units_belong_to_who_took_them)
{
    struct mproc_semaphore *semaphore = new_semaphore(3, true);
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_semaphore_release(semaphore), -EPERM);
    cr_assert_eq(mproc_semaphore_release_many(semaphore, 1), -EINVAL);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_semaphore_value(semaphore), 0);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), -EAGAIN);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(pthread_create(&thread, NULL, release_it, semaphore), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq((intptr_t)result, -EPERM);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_semaphore_release(semaphore), 0);
    cr_assert_eq(mproc_semaphore_release(semaphore), -EPERM, "never above the bound");
    cr_assert_eq(mproc_semaphore_value(semaphore), 3);
    mproc_semaphore_unref(semaphore);
}

Test(semaphore, bounded_units_of_the_dead_come_back_and_are_told_once)
{
    struct mproc_semaphore *semaphore = new_semaphore(3, true);
    pid_t holder = start_holder(semaphore, 2);

    cr_assert_eq(mproc_semaphore_value(semaphore), 1);
    kill_and_reap(holder);
    cr_assert_eq(mproc_semaphore_value(semaphore), 3);
    int told = 0;
    for (int i = 0; i < 3; i++) {
        int r = mproc_semaphore_acquire(semaphore, MPROC_NOW);
        cr_assert(r == 0 || r == -EOWNERDEAD);
        told += r == -EOWNERDEAD;
    }
    cr_assert_eq(told, 2);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_semaphore_release(semaphore), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_semaphore_release(semaphore), 0);
    mproc_semaphore_unref(semaphore);
}

Test(semaphore, bounded_wakes_who_waits_when_a_holder_dies)
{
    enum { TAKERS = 3 };
    struct mproc_semaphore *semaphore = new_semaphore(1, true);
    pid_t holder = start_holder(semaphore, 1);
    pid_t takers[TAKERS];
    int told = 0;

    forbid_naps();
    for (int i = 0; i < TAKERS; i++)
        takers[i] = start_taker(semaphore);
    for (int i = 0; i < TAKERS; i++)
        await_rest(takers[i]);
    kill_and_reap(holder);
    /* Each ends with the unit, and so leaves it to the next. */
    for (int i = 0; i < TAKERS; i++)
        told += exit_code(takers[i]) == EOWNERDEAD;
    cr_assert_eq(told, TAKERS);
    mproc_semaphore_unref(semaphore);
}

static int repair_or_not(void *user)
{
    int *left = user;

    return (*left)-- > 0 ? -EIO : 0;
}

Test(semaphore, bounded_lets_a_callback_repair)
{
    struct mproc_semaphore *semaphore = new_semaphore(1, true);
    int failures = 2;

    mproc_semaphore_set_repair(semaphore, repair_or_not, &failures);
    kill_and_reap(start_holder(semaphore, 1));
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), -EIO);
    cr_assert_eq(mproc_semaphore_value(semaphore), 1);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), -EIO);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), 0);
    cr_assert_eq(failures, -1);
    cr_assert_eq(mproc_semaphore_release(semaphore), 0);
    cr_assert_eq(mproc_semaphore_acquire(semaphore, MPROC_NOW), 0);
    cr_assert_eq(failures, -1, "not asked again");
    mproc_semaphore_release(semaphore);
    mproc_semaphore_unref(semaphore);
}

Test(semaphore, travels_whole_or_not_at_all)
{
    const off_t units_at = MPROC_SEGMENT_HEADER + offsetof(struct semaphore_shared, units);
    struct mproc_semaphore *semaphore = new_semaphore(3, true);
    struct mproc_parcel parcel = {0};
    void *other = NULL;

    cr_assert_eq(mproc_semaphore_class.pack(semaphore, &parcel), 0);
    for (uint32_t units = 0; units < 70; units = units == 0 ? 5 : units * 2) {
        cr_assert_eq(pwrite(parcel.fds[0], &units, sizeof(units), units_at), 4);
        cr_expect_eq(mproc_semaphore_class.unpack(&parcel, &other), -EBADMSG, "%u units", units);
    }
    cr_assert_eq(pwrite(parcel.fds[0], &(uint32_t){3}, 4, units_at), 4);
    cr_expect_null(other);
    cr_assert_eq(mproc_semaphore_class.unpack(&parcel, &other), 0);
    cr_assert_eq(mproc_semaphore_acquire(other, MPROC_NOW), 0);
    cr_assert_eq(mproc_semaphore_value(semaphore), 2);
    cr_assert_eq(mproc_semaphore_release(semaphore), -EPERM, "taken through the other handle");
    cr_assert_eq(mproc_semaphore_release(other), 0);
    mproc_semaphore_class.unref(other);
    mproc_semaphore_unref(semaphore);
}

/* Kills: a plain one first. */
static struct {
    struct mproc_semaphore *semaphore;
    pid_t sleeper;
    long done;
} sweep;

static void body_release(void *arg)
{
    mproc_semaphore_release(arg);
}

static void body_acquire(void *arg)
{
    mproc_semaphore_acquire(arg, MPROC_FOREVER);
}

static void start_sleeper(void *arg)
{
    sweep.sleeper = start_taker(arg);
    await_rest(sweep.sleeper);
}

/* Given: the sleeper has it. Not given: he gets ours. Never both, never none. */
static void judge_release(void *arg, long at)
{
    siginfo_t info = {0};
    bool given = at < 0;

    if (!given) {
        /* The unit is there, or the sleeper has taken it or is about to: else the word is as it was. */
        uint32_t word = __atomic_load_n(&sweep.semaphore->shared->word, __ATOMIC_RELAXED);
        given = word != SEMAPHORE_SLEEPER;
        if (!given)
            cr_assert_eq(mproc_semaphore_release(arg), 0);
    }
    sweep.done += given;
    cr_assert_eq(waitid(P_PID, (id_t)sweep.sleeper, &info, WEXITED), 0);
    cr_assert_eq(info.si_status, 0, "instruction %ld: %s", at, given ? "given, not woken" : "not given");
    cr_assert_eq(mproc_semaphore_acquire(arg, MPROC_NOW), -EAGAIN, "instruction %ld", at);
}

Test(semaphore, survives_a_kill_at_every_instruction_of_release, .timeout = STEP_TIMEOUT_S)
{
    sweep.semaphore = new_semaphore(0, false);
    long points = step_sweep(&(struct step_sweep){.body = body_release,
                                                  .before = start_sleeper,
                                                  .after = judge_release,
                                                  .arg = sweep.semaphore,
                                                  .points = 200});
    cr_assert(sweep.done > 3 && sweep.done < points);
    mproc_semaphore_unref(sweep.semaphore);
}

static void give_one(void *arg)
{
    cr_assert_eq(mproc_semaphore_release(arg), 0);
}

static void judge_acquire(void *arg, long at)
{
    int r = mproc_semaphore_acquire(arg, MPROC_NOW);

    cr_assert(r == 0 || r == -EAGAIN, "instruction %ld: %d", at, r);
    sweep.done += r != 0;
    cr_assert_eq(mproc_semaphore_value(arg), 0);
}

Test(semaphore, survives_a_kill_at_every_instruction_of_acquire, .timeout = STEP_TIMEOUT_S)
{
    sweep.semaphore = new_semaphore(0, false);
    long points = step_sweep(&(struct step_sweep){.body = body_acquire,
                                                  .before = give_one,
                                                  .after = judge_acquire,
                                                  .arg = sweep.semaphore,
                                                  .points = 200});
    cr_assert(sweep.done > 3 && sweep.done < points);
    mproc_semaphore_unref(sweep.semaphore);
}

static void body_use(void *arg)
{
    mproc_semaphore_acquire(arg, MPROC_FOREVER);
    mproc_semaphore_release(arg);
}

/* All units are there, of which at most one is told to be a dead one's. */
static void judge_bounded(void *arg, long at)
{
    int told = 0;

    for (int i = 0; i < 3; i++) {
        int r = mproc_semaphore_acquire(arg, MPROC_NOW);
        cr_assert(r == 0 || r == -EOWNERDEAD, "instruction %ld: %d", at, r);
        told += r != 0;
    }
    cr_assert_leq(told, 1, "instruction %ld", at);
    sweep.done += told;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_semaphore_release(arg), 0);
}

Test(semaphore, survives_a_kill_at_every_instruction_when_bounded, .timeout = STEP_TIMEOUT_S)
{
    sweep.semaphore = new_semaphore(3, true);
    long points = step_sweep(&(struct step_sweep){
        .body = body_use, .after = judge_bounded, .arg = sweep.semaphore, .points = 200});
    cr_assert(sweep.done > 0 && sweep.done < points);
    mproc_semaphore_unref(sweep.semaphore);
}

/* A storm: users of a bounded semaphore of two and of a plain one are killed at random instants. */
enum { USERS = 5, UNITS = 2, STORM_MS = 1500 };

struct storm {
    struct mproc_semaphore *bounded;
    struct mproc_semaphore *plain;
    uint32_t inside[USERS];
    uint64_t given, taken;
    uint64_t turns;
};

static _Noreturn void use_for_ever(struct storm *storm, int user)
{
    for (;;) {
        int r = mproc_semaphore_acquire(storm->bounded, mproc_deadline_ms(LONG_MS));
        if (r != 0 && r != -EOWNERDEAD)
            _exit(1);
        uint32_t together = 1;
        __atomic_store_n(&storm->inside[user], 1, __ATOMIC_SEQ_CST);
        for (int i = 0; i < USERS; i++)
            together += i != user && __atomic_load_n(&storm->inside[i], __ATOMIC_SEQ_CST);
        /* One more than there are units may be a dead one that was not reaped yet. */
        if (together > UNITS + 1)
            _exit(2);
        __atomic_store_n(&storm->inside[user], 0, __ATOMIC_SEQ_CST);
        if (mproc_semaphore_release(storm->bounded) != 0)
            _exit(3);
        __atomic_fetch_add(&storm->turns, 1, __ATOMIC_RELAXED);
        if (user % 2 == 0) {
            __atomic_fetch_add(&storm->given, 1, __ATOMIC_SEQ_CST);
            if (mproc_semaphore_release(storm->plain) != 0)
                _exit(4);
        } else if (mproc_semaphore_acquire(storm->plain, mproc_deadline_ms(LONG_MS)) == 0) {
            __atomic_fetch_add(&storm->taken, 1, __ATOMIC_SEQ_CST);
        } else {
            _exit(5);
        }
    }
}

static pid_t start_user(struct storm *storm, int user)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    use_for_ever(storm, user);
}

Test(semaphore, weathers_a_storm_of_kills, .timeout = 60)
{
    struct storm *storm =
        mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned seed = (unsigned)mproc_clock_ns();
    pid_t users[USERS];
    uint64_t kills = 0;

    cr_assert(storm != MAP_FAILED);
    storm->bounded = new_semaphore(UNITS, true);
    storm->plain = new_semaphore(0, false);
    for (int i = 0; i < USERS; i++)
        users[i] = start_user(storm, i);
    for (uint64_t end_ns = mproc_deadline_ms(STORM_MS); mproc_clock_ns() < end_ns; kills++) {
        int victim = rand_r(&seed) % USERS;
        mproc_stop_sleep(mproc_clock_ns() + (uint64_t)(rand_r(&seed) % 1000000));
        kill(users[victim], SIGKILL);
        cr_assert_eq(exit_code(users[victim]), -1, "a user found something wrong");
        __atomic_store_n(&storm->inside[victim], 0, __ATOMIC_SEQ_CST);
        users[victim] = start_user(storm, victim);
    }
    for (int i = 0; i < USERS; i++) {
        kill(users[i], SIGKILL);
        cr_expect_eq(exit_code(users[i]), -1);
    }
    for (int i = 0; i < UNITS; i++) {
        int r = mproc_semaphore_acquire(storm->bounded, MPROC_NOW);
        cr_expect(r == 0 || r == -EOWNERDEAD, "%d", r);
    }
    /* Each kill falsifies the ledger by one at most, as it falls between what is done and what is noted. */
    int64_t difference =
        (int64_t)(storm->given - storm->taken) - (int64_t)mproc_semaphore_value(storm->plain);
    kills += USERS;
    cr_expect(difference <= (int64_t)kills && -difference <= (int64_t)kills, "%ld", (long)difference);
    cr_expect_gt(storm->turns, kills);
    cr_log_info("%lu kills, %lu turns, %ld off", (unsigned long)kills, (unsigned long)storm->turns,
                (long)difference);
    mproc_semaphore_unref(storm->bounded);
    mproc_semaphore_unref(storm->plain);
    munmap(storm, sizeof(*storm));
}
