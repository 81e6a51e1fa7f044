#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/thread.h>

#include "call_name.h"
#include "child.h"

TestSuite(thread, .timeout = 20);

static int answer(void *arg)
{
    return *(int *)arg;
}

static int sleep_until_stopped(void *arg)
{
    (void)arg;
    return mproc_stop_sleep(MPROC_FOREVER);
}

/* Deaf to its token, as a thread in a library without one. */
static int hang_in_read(void *arg)
{
    char byte;
    return (int)read(*(int *)arg, &byte, 1);
}

Test(thread, the_result_and_the_error_are_kept)
{
    struct mproc_thread *thread = NULL;
    struct mproc_thread_result result = {0};
    int value = 42;
    cr_assert_eq(mproc_thread_start("answer", answer, &value, NULL, &thread), 0);
    cr_expect_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
    cr_expect_eq(result.result, 42);
    cr_expect_eq(mproc_thread_join(thread, MPROC_NOW, &result), 0, "as often as one likes");
    mproc_thread_free(thread);
    cr_assert_eq(mproc_thread_start("sleeper", sleep_until_stopped, NULL, NULL, &thread), 0);
    cr_expect_eq(mproc_thread_join(thread, MPROC_NOW, NULL), -EAGAIN);
    mproc_thread_ask(thread);
    cr_expect_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
    cr_expect_eq(result.result, -ECANCELED);
    cr_expect_str_eq(result.detail, "stopped while sleeping");
    mproc_thread_free(thread);
}

static int measure_stack(void *arg)
{
    pthread_attr_t attributes;

    if (pthread_getattr_np(pthread_self(), &attributes))
        return 1;
    int r = pthread_attr_getstacksize(&attributes, arg);
    pthread_attr_destroy(&attributes);
    return r;
}

Test(thread, has_the_name_and_the_stack_that_were_asked_for)
{
    struct mproc_thread *thread = NULL;
    struct mproc_thread_result result = {0};
    const size_t asked = 1 << 20;
    size_t usual = 0, had = 0;

    cr_assert_eq(mproc_thread_start("usual", measure_stack, &usual, NULL, &thread), 0);
    cr_expect_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
    cr_expect_eq(result.result, 0);
    cr_expect_str_eq(mproc_thread_name(thread), "usual");
    mproc_thread_free(thread);
    cr_expect_str_eq(mproc_thread_name(thread), "");
    cr_assert_eq(mproc_thread_start("small", measure_stack, &had,
                                    &(struct mproc_thread_options){.stack_bytes = asked}, &thread),
                 0);
    cr_expect_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
    cr_expect_eq(result.result, 0);
    mproc_thread_free(thread);
    cr_expect_eq(had, asked);
    cr_expect_neq(usual, asked);
    cr_expect_eq(mproc_thread_start("none", measure_stack, &had,
                                    &(struct mproc_thread_options){.stack_bytes = 1}, &thread),
                 -EINVAL);
    cr_expect_eq(mproc_thread_stop_all(mproc_deadline_ms(10000)), 0,
                 "the one that could not be is forgotten");
}

Test(thread, calls_in_which_threads_wait_have_names)
{
    cr_expect_str_eq(mproc_call_name(SYS_wait4), "wait4");
    cr_expect_eq(strncmp(mproc_call_name(SYS_futex), "futex, ", 7), 0);
    cr_expect_null(mproc_call_name(SYS_getpid));
    cr_expect_null(mproc_call_name(-1));
}

Test(thread, a_hung_thread_is_named_and_can_be_left)
{
    struct mproc_thread *thread = NULL;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(mproc_thread_start("the reader", hang_in_read, &ends[0], NULL, &thread), 0);
    mproc_thread_ask(thread);
    uint64_t deadline_ns = mproc_deadline_ms(50);
    cr_expect_eq(mproc_thread_join(thread, deadline_ns, NULL), -ETIMEDOUT);
    cr_expect_geq(mproc_clock_ns(), deadline_ns);
    cr_expect(strstr(mproc_error_detail(), "'the reader'"), "%s", mproc_error_detail());
    cr_expect(strstr(mproc_error_detail(), "after it was asked to"), "%s", mproc_error_detail());
    cr_expect_eq(mproc_thread_stop_all(mproc_deadline_ms(20)), -ETIMEDOUT);
    cr_expect(strstr(mproc_error_detail(), "'the reader'"), "%s", mproc_error_detail());
    do /* it may be on its way there */
        cr_assert_eq(mproc_thread_join(thread, mproc_deadline_ms(1), NULL), -ETIMEDOUT);
    while (!strstr(mproc_error_detail(), "it is in read"));
    mproc_thread_free(thread);
    close(ends[1]);
    cr_expect_eq(mproc_thread_stop_all(mproc_deadline_ms(10000)), 0);
    close(ends[0]);
}

CHILD_TEST(thread, a_hung_thread_does_not_hold_the_process)
{
    int ends[2], status = -1;
    REQUIRE(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct mproc_thread *thread = NULL;
        mproc_thread_start("hung", hang_in_read, &ends[0], NULL, &thread);
        _exit(mproc_thread_stop_all(mproc_deadline_ms(20)) == -ETIMEDOUT ? 3 : 4);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

static char order[8];
static unsigned norder;

static void note(void *arg)
{
    order[norder++] = *(char *)arg;
}

static int leave_somehow(void *arg)
{
    mproc_thread_push_cleanup(note, (char[]){'a'});
    static char b = 'b', c = 'c', d = 'd';
    mproc_thread_pop_cleanup(0);
    mproc_thread_push_cleanup(note, &b);
    mproc_thread_push_cleanup(note, &c);
    mproc_thread_push_cleanup(note, &d);
    mproc_thread_pop_cleanup(1);
    if (arg)
        pthread_exit(NULL);
    return 0;
}

Test(thread, cleanups_run_whichever_way_it_leaves)
{
    struct mproc_thread *thread = NULL;
    struct mproc_thread_result result = {0};
    cr_expect_eq(mproc_thread_push_cleanup(note, NULL), -EINVAL, "the main thread is none of ours");
    for (int i = 0; i < 2; i++) {
        memset(order, 0, sizeof(order));
        norder = 0;
        cr_assert_eq(mproc_thread_start("leaver", leave_somehow, i ? &norder : NULL, NULL, &thread), 0);
        cr_expect_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
        cr_expect_str_eq(order, "dcb");
        cr_expect_eq(result.result, i ? -ECANCELED : 0);
        mproc_thread_free(thread);
    }
}

Test(thread, a_stop_of_the_parent_token_reaches_all_and_refuses_more)
{
    enum { THREADS = 8 };
    struct mproc_thread *threads[THREADS], *late = NULL;
    struct mproc_stop *parent = NULL;
    mproc_stop_new(NULL, &parent);
    const struct mproc_thread_options options = {.parent = parent};
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(mproc_thread_start("one of many", sleep_until_stopped, NULL, &options, &threads[i]), 0);
    mproc_stop_request(parent, MPROC_STOP_WARM);
    for (int i = 0; i < THREADS; i++) {
        cr_expect_eq(mproc_thread_join(threads[i], mproc_deadline_ms(10000), NULL), 0);
        mproc_thread_free(threads[i]);
    }
    cr_expect_eq(mproc_thread_start("late", answer, NULL, &options, &late), -ECANCELED);
    mproc_stop_unref(parent);
}

/* Those that were asked end while the others are. */
Test(thread, all_are_asked_however_soon_the_first_end)
{
    enum { THREADS = 40, ROUNDS = 8 };
    struct mproc_thread *threads[THREADS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(mproc_thread_start("sleeper", sleep_until_stopped, NULL, NULL, &threads[i]), 0);
        cr_expect_eq(mproc_thread_stop_all(mproc_deadline_ms(2000)), 0, "%s", mproc_error_detail());
        for (int i = 0; i < THREADS; i++)
            mproc_thread_free(threads[i]);
    }
}

/* Which is not below its own token, so that nobody but who stops all asks the other one. */
static int leave_another(void *arg)
{
    struct mproc_thread *another = NULL;
    (void)arg;
    mproc_stop_sleep(MPROC_FOREVER);
    if (mproc_thread_start("another", sleep_until_stopped, NULL, NULL, &another))
        return 1;
    mproc_thread_free(another);
    return 0;
}

Test(thread, who_is_started_while_all_are_stopped_is_asked_too)
{
    struct mproc_thread *thread = NULL;
    struct mproc_thread_result result = {0};
    cr_assert_eq(mproc_thread_start("leaver", leave_another, NULL, NULL, &thread), 0);
    cr_expect_eq(mproc_thread_stop_all(mproc_deadline_ms(10000)), 0, "%s", mproc_error_detail());
    cr_expect_eq(mproc_thread_join(thread, MPROC_NOW, &result), 0);
    cr_expect_eq(result.result, 0);
    mproc_thread_free(thread);
}

static int join_itself(void *arg)
{
    struct mproc_thread *thread = __atomic_load_n((struct mproc_thread **)arg, __ATOMIC_ACQUIRE);
    return thread ? mproc_thread_join(thread, MPROC_FOREVER, NULL) : -EAGAIN;
}

static int start_and_free(void *arg)
{
    for (int i = 0; i < 200; i++) {
        struct mproc_thread *thread = NULL;
        if (mproc_thread_start("short", answer, arg, NULL, &thread))
            return -1;
        if (i % 2 && mproc_thread_join(thread, mproc_deadline_ms(10000), NULL))
            return -2;
        mproc_thread_free(thread);
    }
    return 0;
}

Test(thread, handles_are_given_back_while_their_threads_run)
{
    struct mproc_thread *threads[2];
    struct mproc_thread_result result = {0};
    int value = 1;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(mproc_thread_start("maker", start_and_free, &value, NULL, &threads[i]), 0);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(mproc_thread_join(threads[i], mproc_deadline_ms(15000), &result), 0);
        cr_expect_eq(result.result, 0);
        mproc_thread_free(threads[i]);
    }
    cr_expect_eq(mproc_thread_stop_all(mproc_deadline_ms(10000)), 0);
    static struct mproc_thread *selfish;
    struct mproc_thread *thread = NULL;
    do {
        cr_assert_eq(mproc_thread_start("selfish", join_itself, &selfish, NULL, &thread), 0);
        __atomic_store_n(&selfish, thread, __ATOMIC_RELEASE);
        cr_expect_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
        __atomic_store_n(&selfish, NULL, __ATOMIC_RELEASE);
        mproc_thread_free(thread);
    } while (result.result == -EAGAIN);
    cr_expect_eq(result.result, -EDEADLK);
}
