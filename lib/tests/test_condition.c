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
#include <mproc/stop.h>
#include <mproc/sync.h>

#include "condition_internal.h"
#include "mutex_internal.h"
#include "step_sweep.h"

enum { LONG_MS = 10000 };

/* A box for things that are put and taken. */
static struct mproc_mutex *mutex;
static struct mproc_condition *condition;
static volatile struct box {
    long things, put, taken, repairs;
} * box;

static void set_up(void)
{
    box = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(box != MAP_FAILED);
    cr_assert_eq(mproc_mutex_create(&mutex), 0, "%s", mproc_error_detail());
    cr_assert_eq(mproc_condition_create(mutex, &condition), 0, "%s", mproc_error_detail());
}

static void tear_down(void)
{
    mproc_condition_unref(condition);
    mproc_mutex_unref(mutex);
    munmap((void *)(uintptr_t)box, 4096);
}

TestSuite(condition, .init = set_up, .fini = tear_down, .timeout = 30);

static void lock_box(void)
{
    int err = mproc_mutex_lock(mutex, mproc_deadline_ms(LONG_MS));

    if (err == -EOWNERDEAD)
        err = mproc_mutex_consistent(mutex);
    cr_assert_eq(err, 0, "%s", mproc_error_detail());
}

static void unlock_box(void)
{
    cr_assert_eq(mproc_mutex_unlock(mutex), 0, "%s", mproc_error_detail());
}

/* Takes a thing; 0 or what went wrong. A death is mended: the box counts right by itself. */
static int take_thing(void)
{
    uint64_t deadline_ns = mproc_deadline_ms(LONG_MS);
    int err = mproc_mutex_lock(mutex, deadline_ns);

    for (;;) {
        if (err == -EOWNERDEAD)
            err = mproc_mutex_consistent(mutex);
        if (err || box->things > 0)
            break;
        err = mproc_condition_wait(condition, deadline_ns);
    }
    if (err)
        return -err;
    box->taken++;
    box->things--;
    return -mproc_mutex_unlock(mutex);
}

static pid_t start_taker(void)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(take_thing());
}

static pid_t start_sleeping_taker(void)
{
    pid_t pid = start_taker();

    await_rest(pid);
    return pid;
}

static void put_things(long things, uint32_t notified)
{
    lock_box();
    box->things += things;
    cr_assert_eq(mproc_condition_notify(condition, notified), 0);
    unlock_box();
}

Test(condition, wakes_the_first_who_came_and_no_more)
{
    pid_t takers[3];

    for (int i = 0; i < 3; i++)
        takers[i] = start_sleeping_taker();
    for (int i = 0; i < 3; i++) {
        put_things(1, 1);
        cr_assert_eq(exit_code(takers[i]), 0, "in the order in which they came");
        cr_assert_eq(box->taken, i + 1);
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), i < 2 ? 0 : -1);
    }
}

Test(condition, wakes_some_or_all)
{
    for (int i = 0; i < 5; i++)
        start_sleeping_taker();
    put_things(2, 2);
    for (int i = 0; i < 2; i++)
        cr_assert_gt(waitpid(-1, NULL, 0), 0);
    lock_box();
    box->things = 3;
    cr_assert_eq(mproc_condition_notify_all(condition), 0);
    unlock_box();
    for (int i = 0; i < 3; i++)
        cr_assert_gt(waitpid(-1, NULL, 0), 0);
    cr_assert_eq(box->taken, 5);
}

Test(condition, forgets_a_notification_for_nobody)
{
    put_things(0, 1);
    lock_box();
    cr_assert_eq(mproc_condition_wait(condition, MPROC_NOW), -EAGAIN);
    uint64_t deadline_ns = mproc_deadline_ms(10);
    cr_assert_eq(mproc_condition_wait(condition, deadline_ns), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    cr_assert_eq(mproc_mutex_owner(mutex), gettid(), "held again");
    cr_assert_eq(mproc_condition_notify(condition, 0), 0);
    unlock_box();
}

Test(condition, needs_its_mutex)
{
    struct mproc_parcel parcel = {0};
    struct mproc_mutex *other;
    void *object = NULL;

    cr_expect_eq(mproc_condition_wait(condition, MPROC_FOREVER), -EPERM);
    cr_expect_eq(mproc_condition_notify(condition, 1), -EPERM);
    cr_expect_eq(mproc_condition_notify_all(condition), -EPERM);
    cr_assert_eq(mproc_mutex_create(&other), 0);
    cr_assert_eq(mproc_mutex_lock(other, MPROC_NOW), 0);
    cr_expect_eq(mproc_condition_wait(condition, MPROC_FOREVER), -EPERM);
    cr_assert_eq(mproc_mutex_unlock(other), 0);

    cr_assert_eq(mproc_condition_class.pack(condition, &parcel), 0);
    cr_assert_eq(mproc_condition_class.unpack(&parcel, &object), 0);
    cr_expect_eq(mproc_condition_bind(object, other), -EINVAL);
    cr_expect_eq(mproc_condition_bind(object, mutex), 0);
    lock_box();
    cr_expect_eq(mproc_condition_wait(object, MPROC_NOW), -EAGAIN);
    unlock_box();
    mproc_condition_class.unref(object);
    mproc_mutex_unref(other);
    cr_expect_eq(mproc_condition_wait(object, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_condition_create(other, (struct mproc_condition **)&object), -EBADF);
}

static void *take_under_token(void *arg)
{
    mproc_stop_enter(arg);
    return (void *)(intptr_t)take_thing();
}

Test(condition, stops_waiting_when_the_thread_is_stopped)
{
    struct mproc_stop *stop;
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_stop_new(NULL, &stop), 0);
    cr_assert_eq(pthread_create(&thread, NULL, take_under_token, stop), 0);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq((intptr_t)result, ECANCELED);
    mproc_stop_unref(stop);
    mproc_mutex_lock(mutex, MPROC_NOW);
    mproc_mutex_consistent(mutex);
    mproc_mutex_unlock(mutex);
}

Test(condition, passes_on_what_a_dead_one_was_told)
{
    forbid_naps();
    pid_t first = start_sleeping_taker();
    pid_t second = start_sleeping_taker();

    kill(first, SIGSTOP);
    put_things(1, 1);
    await_rest(second);
    cr_assert_eq(waitpid(second, NULL, WNOHANG), 0);
    kill_and_reap(first);
    cr_assert_eq(exit_code(second), 0);
    cr_assert_eq(box->taken, 1);
}

Test(condition, lets_all_look_when_an_owner_dies)
{
    pid_t takers[3];

    for (int i = 0; i < 3; i++)
        takers[i] = start_sleeping_taker();
    pid_t dead = fork();
    if (dead == 0) {
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        box->things += 3;
        raise(SIGKILL);
    }
    cr_assert_eq(exit_code(dead), -1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(exit_code(takers[i]), 0);
}

static int repair_box(void *user)
{
    (void)user;
    box->repairs++;
    return 0;
}

/* Somebody else mends, and thinks of no condition. */
Test(condition, lets_all_look_when_an_owner_died_and_the_next_one_mended)
{
    pid_t takers[2] = {start_sleeping_taker(), start_sleeping_taker()};
    pid_t dead = fork();

    if (dead == 0) {
        mproc_mutex_lock(mutex, MPROC_FOREVER);
        box->things += 2;
        raise(SIGKILL);
    }
    cr_assert_eq(exit_code(dead), -1);
    mproc_mutex_set_repair(mutex, repair_box, NULL);
    cr_assert_eq(mproc_mutex_lock(mutex, mproc_deadline_ms(LONG_MS)), 0);
    cr_assert_eq(mproc_mutex_unlock(mutex), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(exit_code(takers[i]), 0);
}

Test(condition, says_when_the_mutex_is_not_to_be_had_again)
{
    int ready[2];
    char byte;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t waiter = fork();
    if (waiter == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        mproc_mutex_lock(mutex, MPROC_NOW);
        (void)!write(ready[1], "", 1);
        _exit(-mproc_condition_wait(condition, mproc_deadline_ms(20)));
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    lock_box();
    cr_assert_eq(exit_code(waiter), ENOLCK);
    cr_assert_eq(mproc_condition_notify(condition, 1), 0);
    unlock_box();
    close(ready[0]);
    close(ready[1]);
}

static void body_put(void *arg)
{
    (void)arg;
    if (mproc_mutex_lock(mutex, MPROC_FOREVER) == -EOWNERDEAD)
        mproc_mutex_consistent(mutex);
    box->things++;
    box->put++;
    mproc_condition_notify(condition, 1);
    mproc_mutex_unlock(mutex);
}

static pid_t sweep_taker;
static long sweep_total;

static void start_sweep_taker(void *arg)
{
    (void)arg;
    sweep_total = box->things + box->taken;
    sweep_taker = start_sleeping_taker();
}

/* What the dead one has put is taken without anybody's help. */
static void judge_put(void *arg, long at)
{
    (void)arg;
    /* A taker in between makes this too large, never too small. */
    if (box->things + box->taken == sweep_total)
        put_things(1, 1);
    int code = exit_code(sweep_taker);
    cr_assert_eq(code, 0, "instruction %ld: %d", at, code);
    cr_assert_eq(box->things, 0, "instruction %ld", at);
}

Test(condition, survives_a_kill_at_every_instruction_of_notify, .timeout = STEP_TIMEOUT_S)
{
    step_sweep(&(struct step_sweep){
        .body = body_put, .before = start_sweep_taker, .after = judge_put, .points = 60});
}

static void body_wait(void *arg)
{
    (void)arg;
    if (mproc_mutex_lock(mutex, MPROC_FOREVER) == -EOWNERDEAD)
        mproc_mutex_consistent(mutex);
    mproc_condition_wait(condition, MPROC_NOW);
    mproc_mutex_unlock(mutex);
}

/* The others go on: one who waits is notified, whatever place the dead one had. */
static void judge_wait(void *arg, long at)
{
    (void)arg;
    (void)at;
    pid_t taker = start_sleeping_taker();
    put_things(1, 1);
    cr_assert_eq(exit_code(taker), 0, "instruction %ld", at);
    cr_assert_eq(box->things, 0);
}

Test(condition, survives_a_kill_at_every_instruction_of_wait, .timeout = STEP_TIMEOUT_S)
{
    step_sweep(&(struct step_sweep){.body = body_wait, .after = judge_wait, .points = 100});
}

/* Some put and some take, and are killed at random instants. None may hang, and no thing may vanish but those
 * that were in somebody's hands. */
Test(condition, weathers_a_storm_of_kills, .timeout = 60)
{
    enum { USERS = 6, STORM_MS = 1500 };
    unsigned seed = (unsigned)mproc_clock_ns();
    pid_t users[USERS] = {0};
    long kills = 0;

    mproc_mutex_set_repair(mutex, repair_box, NULL);
    for (uint64_t end_ns = mproc_deadline_ms(STORM_MS); mproc_clock_ns() < end_ns; kills++) {
        int victim = rand_r(&seed) % USERS;
        if (users[victim]) {
            kill(users[victim], SIGKILL);
            cr_assert_eq(exit_code(users[victim]), -1, "a user found something wrong, or waited in vain");
        }
        users[victim] = fork();
        if (users[victim] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) {
                if (victim % 2 == 0)
                    body_put(NULL);
                else if (take_thing() != 0)
                    _exit(1);
            }
        }
        mproc_stop_sleep(mproc_clock_ns() + (uint64_t)(rand_r(&seed) % 1000000));
    }
    for (int i = 0; i < USERS; i++) {
        if (users[i]) {
            kill(users[i], SIGKILL);
            cr_expect_eq(exit_code(users[i]), -1);
        }
    }
    lock_box();
    long off = box->put - box->taken - box->things;
    cr_expect(off <= kills && -off <= kills, "%ld off", off);
    cr_expect_gt(box->taken, kills);
    cr_log_info("%ld kills, %ld put, %ld taken, %ld repairs, %ld off", kills, box->put, box->taken,
                box->repairs, off);
    unlock_box();
}
