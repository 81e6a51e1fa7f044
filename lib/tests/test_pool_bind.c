/* Tasks whose arguments go to one worker do not wait for it while another has nothing to do. */
#include "pool_tasks.h"

enum { LARGE = 20000, ROUNDS = 4 };

TestSuite(pool_bind, .timeout = 60);

static struct mproc_future *submit_large(void)
{
    static char text[LARGE];
    struct mproc_args *args;
    struct mproc_future *future = NULL;

    memset(text, 'x', LARGE - 1);
    REQUIRE(mproc_args_new(&args) == 0);
    mproc_args_add_string(args, text);
    mproc_args_add_int(args, 0);
    REQUIRE(mproc_pool_submit(pool, "repeat", args, NULL, mproc_deadline_ms(WAIT_MS), &future) == 0);
    mproc_args_free(args);
    return future;
}

static struct mproc_queue *begun;

/* Returns when a worker is at it. */
static struct mproc_future *hold_worker(const struct mproc_queue *release)
{
    struct mproc_args *args;
    struct mproc_future *future = NULL;
    char one;
    size_t len;

    REQUIRE(mproc_args_new(&args) == 0 && mproc_args_add_queue(args, release) == 0 &&
            mproc_args_add_queue(args, begun) == 0);
    REQUIRE(mproc_pool_submit(pool, "hold", args, NULL, mproc_deadline_ms(WAIT_MS), &future) == 0);
    /* The pool hands over what waits only inside of calls. */
    while (mproc_queue_get_into(begun, MPROC_NOW, sizeof(one), &one, &len))
        mproc_pool_collect(pool, mproc_deadline_ms(1));
    mproc_args_free(args);
    return future;
}

static void expect_done(struct mproc_future *future)
{
    CHECK(wait_for(future).outcome == MPROC_OUTCOME_DONE);
    mproc_future_free(future);
}

CHILD_TEST(pool_bind, who_is_done_first_gets_the_task_that_was_bound_to_another)
{
    struct mproc_queue *release[2];
    struct mproc_future *held[2];

    REQUIRE(mproc_queue_create(NULL, &begun) == 0);
    for (int i = 0; i < 2; i++)
        REQUIRE(mproc_queue_create(NULL, &release[i]) == 0);
    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (int round = 0; round < ROUNDS; round++) {
        int first = round % 2;
        for (int i = 0; i < 2; i++)
            held[i] = hold_worker(release[i]);
        struct mproc_future *large = submit_large();
        CHECK(mproc_queue_put(release[first], "x", 1, MPROC_NOW) == 0);
        expect_done(held[first]);
        expect_done(large);
        CHECK(mproc_queue_put(release[!first], "x", 1, MPROC_NOW) == 0);
        expect_done(held[!first]);
    }
    close_pool();
    for (int i = 0; i < 2; i++)
        mproc_queue_unref(release[i]);
    mproc_queue_unref(begun);
}

CHILD_TEST(pool_bind, a_stopped_worker_keeps_nobody_waiting)
{
    struct mproc_worker_stat stat;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (unsigned lane = 0; lane < 2; lane++) {
        REQUIRE(mproc_pool_get_worker(pool, lane, &stat) == 0 && stat.pid > 0);
        CHECK(kill(stat.pid, SIGSTOP) == 0);
        expect_done(submit_large());
        CHECK(kill(stat.pid, SIGCONT) == 0);
        expect_done(submit_large());
    }
    close_pool();
}
