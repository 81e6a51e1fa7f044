#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/stop.h>

#include "stop_internal.h"

TestSuite(stop, .timeout = 20);

Test(stop, a_stop_reaches_all_below_and_none_beside)
{
    struct mproc_stop *parent = NULL, *child = NULL, *beside = NULL;
    cr_assert_eq(mproc_stop_new(NULL, &parent), 0);
    cr_assert_eq(mproc_stop_new(parent, &child), 0);
    cr_assert_eq(mproc_stop_new(NULL, &beside), 0);
    mproc_stop_request(parent, MPROC_STOP_WARM);
    cr_expect_eq(mproc_stop_level(child), MPROC_STOP_WARM);
    cr_expect_eq(mproc_stop_level(beside), MPROC_RUNNING);
    cr_expect_eq(mproc_stop_level(mproc_stop_process()), MPROC_RUNNING);
    mproc_stop_request(mproc_stop_process(), MPROC_STOP_COLD);
    cr_expect_eq(mproc_stop_level(child), MPROC_STOP_COLD);
    cr_expect_eq(mproc_stop_level(beside), MPROC_STOP_COLD);
    mproc_stop_request(beside, MPROC_STOP_WARM);
    cr_expect_eq(mproc_stop_level(beside), MPROC_STOP_COLD, "a level never falls");
    mproc_stop_unref(parent);
    mproc_stop_unref(child);
    mproc_stop_unref(beside);
}

Test(stop, a_token_below_a_stopped_one_is_born_stopped_and_a_recycled_one_is_not)
{
    struct mproc_stop *parent = NULL, *child = NULL, *fresh = NULL;
    mproc_stop_new(NULL, &parent);
    mproc_stop_request(parent, MPROC_STOP_WARM);
    mproc_stop_new(parent, &child);
    cr_expect_eq(mproc_stop_level(child), MPROC_STOP_WARM);
    mproc_stop_unref(parent);
    cr_expect_eq(mproc_stop_level(child), MPROC_STOP_WARM, "the child keeps its parent alive");
    mproc_stop_unref(child);
    /* So many that it is taken again. */
    for (int i = 0; i < 3000; i++) {
        cr_assert_eq(mproc_stop_new(NULL, &fresh), 0);
        cr_expect_eq(mproc_stop_level(fresh), MPROC_RUNNING);
        mproc_stop_unref(fresh);
    }
}

Test(stop, a_token_is_there_until_its_last_reference_is_given_back)
{
    struct mproc_stop *token = NULL, *other = NULL;

    cr_assert_eq(mproc_stop_new(NULL, &token), 0);
    cr_expect_eq(mproc_stop_ref(token), token);
    mproc_stop_unref(token);
    /* One that is given back is the next to be had. */
    cr_assert_eq(mproc_stop_new(NULL, &other), 0);
    cr_expect_neq(other, token);
    mproc_stop_request(other, MPROC_STOP_COLD);
    cr_expect_eq(mproc_stop_level(token), MPROC_RUNNING);
    mproc_stop_request(token, MPROC_STOP_WARM);
    cr_expect_eq(mproc_stop_level(token), MPROC_STOP_WARM);
    mproc_stop_unref(token);
    mproc_stop_unref(other);
    cr_expect_eq(mproc_stop_ref(mproc_stop_process()), mproc_stop_process());
    cr_expect_null(mproc_stop_ref(NULL));
    cr_expect_eq(mproc_stop_level(mproc_stop_process()), MPROC_RUNNING);
}

Test(stop, sleep_ends_at_the_deadline_or_with_the_stop)
{
    struct mproc_stop *token = NULL;
    uint64_t until_ns = mproc_deadline_ms(20);
    cr_expect_eq(mproc_stop_sleep(until_ns), 0);
    cr_expect_geq(mproc_clock_ns(), until_ns);
    mproc_stop_new(NULL, &token);
    struct mproc_stop *before = mproc_stop_enter(token);
    cr_expect_eq(mproc_stop_wait(NULL, MPROC_NOW), -EAGAIN);
    cr_expect_eq(mproc_stop_wait(NULL, mproc_deadline_ms(10)), -ETIMEDOUT);
    mproc_stop_request(NULL, MPROC_STOP_WARM);
    cr_expect_eq(mproc_stop_sleep(MPROC_FOREVER), -ECANCELED);
    cr_expect_eq(mproc_stop_wait(NULL, MPROC_NOW), 0);
    cr_expect_eq(mproc_stop_enter(before), token);
    cr_expect_eq(mproc_stop_sleep(MPROC_NOW), 0, "the token of the process still runs");
    mproc_stop_unref(token);
}

static void *sleep_under(void *arg)
{
    mproc_stop_enter(arg);
    return (void *)(intptr_t)mproc_stop_sleep(MPROC_FOREVER);
}

Test(stop, a_stop_of_the_process_wakes_the_sleeper_of_a_thread)
{
    enum { THREADS = 4 };
    struct mproc_stop *tokens[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(mproc_stop_new(NULL, &tokens[i]), 0);
        pthread_create(&threads[i], NULL, sleep_under, tokens[i]);
    }
    mproc_stop_request(mproc_stop_process(), MPROC_STOP_WARM);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        cr_expect_eq((intptr_t)result, -ECANCELED);
        mproc_stop_unref(tokens[i]);
    }
}

static void *churn(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        struct mproc_stop *token = NULL;
        if (mproc_stop_new(arg, &token) || mproc_stop_level(token) != MPROC_RUNNING)
            return arg;
        mproc_stop_unref(token);
    }
    return NULL;
}

/* A walk that meets a token as it is recycled must not stop its next user. */
Test(stop, stopping_never_hits_a_stranger)
{
    struct mproc_stop *calm = NULL;
    pthread_t thread;
    void *wrong = NULL;
    mproc_stop_new(NULL, &calm);
    pthread_create(&thread, NULL, churn, calm);
    for (int i = 0; i < 2000; i++) {
        struct mproc_stop *hit = NULL, *below = NULL;
        mproc_stop_new(NULL, &hit);
        mproc_stop_new(hit, &below);
        mproc_stop_request(hit, MPROC_STOP_COLD);
        mproc_stop_unref(below);
        mproc_stop_unref(hit);
    }
    pthread_join(thread, &wrong);
    cr_expect_null(wrong);
    mproc_stop_unref(calm);
}
