/* A pool, or what it lives on, ends in the midst of something. */
#include "pool_tasks.h"

TestSuite(pool_ends, .timeout = 60);

static void terminate_it(void)
{
    CHECK(mproc_pool_terminate(pool, MPROC_NOW) == 0);
}

static void close_and_join_it(void)
{
    CHECK(mproc_pool_close(pool) == 0 && mproc_pool_join(pool, mproc_deadline_ms(WAIT_MS)) == 0);
}

static void free_it(void)
{
    mproc_pool_free(pool);
}

/* Ends the pool while it is asked for the second task. */
static int feed_and_end(void *user, uint64_t index, struct mproc_args *args)
{
    void (**end)(void) = user;

    if (index == 1)
        (*end)();
    return mproc_args_add_int(args, 3);
}

/* The results there still are, and then the error. */
static void expect_end(struct mproc_map *map)
{
    struct mproc_result result;
    int r;

    while ((r = mproc_map_next(map, mproc_deadline_ms(WAIT_MS), &result)) == 0)
        CHECK(result.index == 0);
    CHECK(r == -EPIPE);
    CHECK_STR(mproc_error_detail(), "the pool 'pool' ended before all tasks were fed");
}

static void end_in_feed(void (*end)(void))
{
    struct mproc_map *map;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    REQUIRE(mproc_pool_imap(pool, "square", feed_and_end, &end,
                            &(struct mproc_map_options){.count = 5, .chunk = 1}, &map) == 0);
    expect_end(map);
    mproc_map_free(map);
    if (end != free_it)
        mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(pool_ends, a_pool_that_is_terminated_during_a_feed_ends_the_map)
{
    end_in_feed(terminate_it);
}

CHILD_TEST(pool_ends, a_pool_that_is_joined_during_a_feed_ends_the_map)
{
    end_in_feed(close_and_join_it);
}

CHILD_TEST(pool_ends, a_pool_that_is_freed_during_a_feed_ends_the_map)
{
    end_in_feed(free_it);
}

CHILD_TEST(pool_ends, a_map_that_was_never_fed_outlives_its_pool)
{
    int64_t deaths = 0;
    struct mproc_map *map;

    open_pool(&(struct mproc_pool_options){.workers = 1});
    REQUIRE(mproc_pool_imap(pool, "square", feed_numbers, &deaths, NULL, &map) == 0);
    mproc_pool_free(pool);
    expect_end(map);
    mproc_map_free(map);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(pool_ends, without_its_context_a_pool_takes_no_tasks_and_ends_what_it_has)
{
    struct mproc_future *running, *waiting;

    open_pool(&(struct mproc_pool_options){.workers = 1});
    running = submit("hang", 1, NULL);
    waiting = submit("square", 1, NULL);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(mproc_pool_submit(pool, "square", NULL, NULL, MPROC_NOW, NULL) == -EPIPE);
    CHECK_STR(mproc_error_detail(), "the context of the pool 'pool' is closed, so it has no workers");
    enum mproc_outcome outcome = wait_for(running).outcome;
    CHECK(outcome == MPROC_OUTCOME_DIED || outcome == MPROC_OUTCOME_NOT_RUN);
    struct mproc_result result = wait_for(waiting);
    CHECK(result.outcome == MPROC_OUTCOME_NOT_RUN);
    CHECK(strstr(result.detail, "its context was closed") != NULL);
    mproc_future_free(running);
    mproc_future_free(waiting);
    mproc_pool_free(pool);
}

CHILD_TEST(pool_ends, the_longest_times_are_long)
{
    open_pool(&(struct mproc_pool_options){.workers = 1});
    struct mproc_future *future = submit("square", 7, &(struct mproc_task_options){.timeout_ms = UINT64_MAX});
    struct mproc_result result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_DONE && int_of(result.values, 0) == 49);
    mproc_future_free(future);
    CHECK(mproc_pool_terminate(pool, MPROC_FOREVER - 1) == 0);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}
