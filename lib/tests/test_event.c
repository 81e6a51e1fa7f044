#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/event.h>
#include <mproc/stop.h>

#include "event_internal.h"
#include "sleeper.h"
#include "step.h"

enum { WAKE_MS = 2000, LONG_MS = 10000 };

static struct mproc_event *new_event(void)
{
    struct mproc_event *event;

    cr_assert_eq(mproc_event_create(&event), 0, "%s", mproc_error_detail());
    return event;
}

/* A child that promises, says so, and waits to be killed. */
static pid_t start_promiser(struct mproc_event *event)
{
    int ready[2];
    char byte;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (mproc_event_promise(event) == 0)
            (void)!write(ready[1], "", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

/* A child that waits; its status is the negative result. */
static pid_t start_waiter(struct mproc_event *event, uint64_t deadline_ns)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(-mproc_event_wait(event, deadline_ns));
}

Test(event, is_set_and_cleared, .timeout = 10)
{
    struct mproc_event *event = new_event();

    for (int i = 0; i < 3; i++) {
        cr_assert_not(mproc_event_is_set(event));
        cr_assert_eq(mproc_event_wait(event, MPROC_NOW), -EAGAIN);
        cr_assert_eq(mproc_event_set(event), 0);
        cr_assert_eq(mproc_event_set(event), 0);
        cr_assert(mproc_event_is_set(event));
        cr_assert_eq(mproc_event_wait(event, MPROC_NOW), 0);
        cr_assert_eq(mproc_event_wait(event, MPROC_FOREVER), 0);
        cr_assert_eq(mproc_event_clear(event), 0);
        cr_assert_eq(mproc_event_clear(event), 0);
    }
    cr_assert_eq(mproc_event_ref(event), event);
    mproc_event_unref(event);
    cr_assert_eq(mproc_event_set(event), 0);
    mproc_event_unref(event);
    mproc_event_unref(NULL);
}

Test(event, times_out_not_before_its_deadline, .timeout = 10)
{
    struct mproc_event *event = new_event();
    uint64_t deadline_ns = mproc_deadline_ms(20);

    cr_assert_eq(mproc_event_wait(event, deadline_ns), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    mproc_event_unref(event);
}

Test(event, wakes_all_who_wait, .timeout = 20)
{
    enum { WAITERS = 5 };
    struct mproc_event *event = new_event();
    pid_t waiters[WAITERS];

    for (int i = 0; i < WAITERS; i++)
        waiters[i] = start_waiter(event, mproc_deadline_ms(LONG_MS));
    for (int i = 0; i < WAITERS; i++)
        await_rest(waiters[i]);
    cr_assert_eq(mproc_event_set(event), 0);
    /* Cleared before they had a chance to look. */
    cr_assert_eq(mproc_event_clear(event), 0);
    for (int i = 0; i < WAITERS; i++)
        cr_expect_eq(exit_code(waiters[i]), 0);
    cr_assert_not(mproc_event_is_set(event));
    mproc_event_unref(event);
}

Test(event, tells_that_the_last_who_promised_has_died, .timeout = 20)
{
    enum { WAITERS = 3 };
    struct mproc_event *event = new_event();
    pid_t promisers[2] = {start_promiser(event), start_promiser(event)};
    pid_t waiters[WAITERS];

    forbid_naps();
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = start_waiter(event, mproc_deadline_ms(LONG_MS));
    for (int i = 0; i < WAITERS; i++)
        await_rest(waiters[i]);
    kill_and_reap(promisers[0]);
    for (int i = 0; i < WAITERS; i++)
        await_rest(waiters[i]);
    cr_assert_eq(mproc_event_wait(event, MPROC_NOW), -EAGAIN, "one is left");
    kill_and_reap(promisers[1]);
    for (int i = 0; i < WAITERS; i++)
        cr_expect_eq(exit_code(waiters[i]), EOWNERDEAD);
    cr_expect_eq(mproc_event_wait(event, MPROC_FOREVER), -EOWNERDEAD);
    cr_expect_not_null(strstr(mproc_error_detail(), "promised"));

    /* Anybody may still set it, and a new promise gives new hope. */
    cr_expect_eq(mproc_event_set(event), 0);
    cr_expect_eq(mproc_event_wait(event, MPROC_NOW), 0);
    cr_expect_eq(mproc_event_clear(event), 0);
    pid_t heir = start_promiser(event);
    cr_expect_eq(mproc_event_wait(event, MPROC_NOW), -EAGAIN);
    kill_and_reap(heir);
    cr_expect_eq(mproc_event_wait(event, MPROC_NOW), -EOWNERDEAD);
    mproc_event_unref(event);
}

Test(event, watches_who_promises_while_others_wait, .timeout = 20)
{
    struct mproc_event *event = new_event();
    pid_t waiter = start_waiter(event, mproc_deadline_ms(LONG_MS));

    await_rest(waiter);
    pid_t promiser = start_promiser(event);
    await_rest(waiter);
    kill_and_reap(promiser);
    cr_assert_eq(exit_code(waiter), EOWNERDEAD);
    mproc_event_unref(event);
}

Test(event, wakes_on_a_death_though_the_first_to_know_is_stopped, .timeout = 20)
{
    struct mproc_event *event = new_event();
    pid_t promiser = start_promiser(event);
    pid_t stopped = start_waiter(event, mproc_deadline_ms(LONG_MS));

    await_rest(stopped);
    pid_t waiter = start_waiter(event, mproc_deadline_ms(LONG_MS));
    await_rest(waiter);
    kill(stopped, SIGSTOP);
    kill_and_reap(promiser);
    cr_assert_eq(exit_code(waiter), EOWNERDEAD);
    kill_and_reap(stopped);
    mproc_event_unref(event);
}

Test(event, knows_who_waits_for_himself, .timeout = 10)
{
    struct mproc_event *event = new_event();

    cr_assert_eq(mproc_event_withdraw(event), -EPERM);
    cr_assert_eq(mproc_event_promise(event), 0);
    cr_assert_eq(mproc_event_promise(event), 0);
    cr_assert_eq(mproc_event_wait(event, MPROC_FOREVER), -EDEADLK);
    cr_assert_eq(mproc_event_withdraw(event), 0);
    cr_assert_eq(mproc_event_withdraw(event), -EPERM);
    cr_assert_eq(mproc_event_wait(event, MPROC_NOW), -EAGAIN);
    mproc_event_unref(event);
}

static void *promise_and_end(void *arg)
{
    return (void *)(intptr_t)mproc_event_promise(arg);
}

Test(event, counts_a_thread_that_ends_as_dead, .timeout = 10)
{
    struct mproc_event *event = new_event();
    pthread_t thread;
    void *result;

    for (int i = 0; i < 2 * MPROC_EVENT_PROMISES_MAX; i++) {
        cr_assert_eq(pthread_create(&thread, NULL, promise_and_end, event), 0);
        cr_assert_eq(pthread_join(thread, &result), 0);
        cr_assert_null(result, "places of the dead are free again");
        cr_assert_eq(mproc_event_wait(event, mproc_deadline_ms(WAKE_MS)), -EOWNERDEAD);
    }
    mproc_event_unref(event);
}

Test(event, has_room_for_so_many_promises, .timeout = 20)
{
    struct mproc_event *event = new_event();
    pid_t promisers[MPROC_EVENT_PROMISES_MAX];

    for (int i = 0; i < MPROC_EVENT_PROMISES_MAX; i++)
        promisers[i] = start_promiser(event);
    cr_expect_eq(mproc_event_promise(event), -EUSERS);
    kill_and_reap(promisers[7]);
    cr_expect_eq(mproc_event_promise(event), 0);
    cr_expect_eq(mproc_event_wait(event, mproc_deadline_ms(1)), -ETIMEDOUT);
    for (int i = 0; i < MPROC_EVENT_PROMISES_MAX; i++) {
        if (i != 7)
            kill_and_reap(promisers[i]);
    }
    cr_expect_eq(mproc_event_wait(event, MPROC_NOW), -EDEADLK);
    mproc_event_unref(event);
}

Test(event, takes_who_gives_the_handle_back_for_dead, .timeout = 10)
{
    struct mproc_event *event = new_event();
    pid_t waiter = start_waiter(event, mproc_deadline_ms(LONG_MS));
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (mproc_event_promise(event) == 0)
            mproc_event_unref(event);
        for (;;)
            pause();
    }
    cr_assert_eq(exit_code(waiter), EOWNERDEAD);
    kill_and_reap(pid);
    mproc_event_unref(event);
}

static void *wait_under_token(void *arg)
{
    void **pair = arg;

    mproc_stop_enter(pair[1]);
    return (void *)(intptr_t)mproc_event_wait(pair[0], mproc_deadline_ms(LONG_MS));
}

Test(event, stops_waiting_when_the_thread_is_stopped, .timeout = 20)
{
    struct mproc_event *event = new_event();
    struct mproc_stop *stop;
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_stop_new(NULL, &stop), 0);
    void *pair[] = {event, stop};
    cr_assert_eq(pthread_create(&thread, NULL, wait_under_token, pair), 0);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq((intptr_t)result, -ECANCELED);
    mproc_stop_unref(stop);
    mproc_event_unref(event);
}

Test(event, refuses_a_handle_that_was_given_back, .timeout = 10)
{
    struct mproc_event *event = new_event();
    struct mproc_parcel parcel = {0};

    mproc_event_unref(event);
    cr_expect_eq(mproc_event_set(event), -EBADF);
    cr_expect_eq(mproc_event_clear(event), -EBADF);
    cr_expect_eq(mproc_event_wait(event, MPROC_FOREVER), -EBADF);
    cr_expect_eq(mproc_event_promise(event), -EBADF);
    cr_expect_eq(mproc_event_withdraw(event), -EBADF);
    cr_expect_not(mproc_event_is_set(event));
    cr_expect_eq(mproc_event_class.pack(event, &parcel), -EBADF);
    cr_expect_not_null(strstr(mproc_error_detail(), "given back"));
    mproc_event_unref(mproc_event_ref(event));
    cr_expect_eq(mproc_event_set(event), -EBADF);
}

Test(event, is_not_made_from_anything_else, .timeout = 10)
{
    struct mproc_event *event = new_event();
    struct mproc_parcel parcel = {0};
    void *object = NULL;
    uint32_t seats = 30;

    cr_expect_eq(mproc_event_class.unpack(&parcel, &object), -EBADMSG);
    cr_assert_eq(mproc_event_class.pack(event, &parcel), 0);
    cr_expect_eq(mproc_event_class.unpack(&(struct mproc_parcel){.nfds = 1, .fds = {0}}, &object), -EBADMSG);
    cr_assert_eq(pwrite(parcel.fds[0], &seats, sizeof(seats), 32), (ssize_t)sizeof(seats));
    cr_expect_eq(mproc_event_class.unpack(&parcel, &object), -EBADMSG);
    cr_expect_null(object);
    close(parcel.fds[0]);
    mproc_event_unref(event);
}

/* More than set and clear have; but a sanitizer adds many. */
enum { POINTS = 200 };

static void body_set(void *arg)
{
    mproc_event_set(arg);
}

static void body_clear(void *arg)
{
    mproc_event_clear(arg);
}

static void body_promise(void *arg)
{
    mproc_event_promise(arg);
}

/* Where it is set, the sleeper is awake; where it is not, another set wakes him. */
Test(event, survives_a_kill_at_every_instruction_of_set, .timeout = STEP_TIMEOUT_S)
{
    struct mproc_event *event = new_event();
    long seen_set = 0;
    long points = 0;

    long count = step_count(body_set, event) + 8; /* with a sleeper there are a few more */
    if (count == 8)
        cr_skip_test("no ptrace here");
    mproc_event_clear(event);
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at += walk.stride, points++) {
        pid_t waiter = start_waiter(event, mproc_deadline_ms(LONG_MS));
        await_rest(waiter);
        pid_t pid = step_start(body_set, event);
        if (step_over(pid, at))
            step_kill(pid);
        bool is_set = mproc_event_is_set(event);
        seen_set += is_set;
        if (!is_set)
            cr_assert_eq(mproc_event_set(event), 0);
        cr_assert_eq(exit_code(waiter), 0, "instruction %ld: %s", at, is_set ? "set, not woken" : "not set");
        cr_assert_eq(mproc_event_clear(event), 0);
        cr_assert_eq(mproc_event_wait(event, MPROC_NOW), -EAGAIN, "instruction %ld", at);
    }
    cr_log_info("%ld kill points, %ld set", points, seen_set);
    cr_assert(seen_set > 0 && seen_set < points);
    mproc_event_unref(event);
}

Test(event, survives_a_kill_at_every_instruction_of_clear, .timeout = STEP_TIMEOUT_S)
{
    struct mproc_event *event = new_event();
    long seen_set = 0;
    long points = 0;

    mproc_event_set(event);
    long count = step_count(body_clear, event);
    if (count == 0)
        cr_skip_test("no ptrace here");
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at += walk.stride, points++) {
        mproc_event_set(event);
        pid_t pid = step_start(body_clear, event);
        if (step_over(pid, at))
            step_kill(pid);
        seen_set += mproc_event_is_set(event);
        cr_assert_eq(mproc_event_wait(event, MPROC_NOW), mproc_event_is_set(event) ? 0 : -EAGAIN);
    }
    cr_log_info("%ld kill points, %ld still set", points, seen_set);
    cr_assert(seen_set > 0 && seen_set < points);
    mproc_event_unref(event);
}

/* A promise was made and broken, or was never made; who waits knows, and the next promise counts. */
Test(event, survives_a_kill_at_every_instruction_of_promise, .timeout = STEP_TIMEOUT_S)
{
    struct mproc_event *event = new_event();
    long broken = 0;
    long points = 0;

    long count = step_count(body_promise, event);
    if (count == 0)
        cr_skip_test("no ptrace here");
    struct step_walk walk = step_walk(count, POINTS / 2);
    for (long at = walk.first; at < count; at += walk.stride, points++) {
        mproc_event_unref(event);
        event = new_event();
        pid_t waiter = start_waiter(event, mproc_deadline_ms(LONG_MS));
        await_rest(waiter);
        pid_t pid = step_start(body_promise, event);
        if (step_over(pid, at))
            step_kill(pid);
        int r = mproc_event_wait(event, MPROC_NOW);
        cr_assert(r == -EAGAIN || r == -EOWNERDEAD, "instruction %ld: %d", at, r);
        if (r == -EAGAIN)
            mproc_event_set(event);
        cr_assert_eq(exit_code(waiter), r == -EAGAIN ? 0 : EOWNERDEAD, "instruction %ld", at);
        mproc_event_clear(event);
        pid_t promiser = start_promiser(event);
        cr_assert_eq(mproc_event_wait(event, MPROC_NOW), -EAGAIN, "instruction %ld", at);
        kill_and_reap(promiser);
        cr_assert_eq(mproc_event_wait(event, MPROC_NOW), -EOWNERDEAD, "instruction %ld", at);
        broken += r == -EOWNERDEAD;
    }
    cr_log_info("%ld of %ld instructions, %ld promises broken", points, count, broken);
    cr_assert(broken > 0 && broken < points);
    mproc_event_unref(event);
}
