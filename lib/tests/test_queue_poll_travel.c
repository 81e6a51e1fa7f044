/* Pollable queues on their way to other processes: both can poll them there, and no descriptor is left. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <mproc/pipe.h>
#include <mproc/pool.h>
#include <mproc/queue.h>

#include "starting.h"

enum { WAIT_MS = 20000 };

/* Polls the first queue, and puts what comes into the second. */
static int answer(struct mproc_args *args)
{
    struct mproc_queue *there, *back;
    uint32_t number;
    size_t len;

    if (mproc_args_get_queue(args, 0, &there) || mproc_args_get_queue(args, 1, &back))
        return 1;
    struct pollfd item = {.fd = mproc_queue_fd(there), .events = POLLIN};
    int err = 0;
    for (;;) {
        if (poll(&item, 1, WAIT_MS) != 1)
            return 2;
        while ((err = mproc_queue_get_into(there, MPROC_NOW, sizeof(number), &number, &len)) == 0) {
            if (mproc_queue_put(back, &number, sizeof(number), mproc_deadline_ms(WAIT_MS)))
                return 3;
        }
        if (err != -EAGAIN)
            break;
    }
    mproc_queue_unref(there);
    mproc_queue_unref(back);
    return err == -EPIPE ? 0 : 4;
}

static int answer_once(struct mproc_args *args)
{
    struct mproc_queue *there, *back;
    uint32_t number;
    size_t len;

    if (mproc_args_get_queue(args, 0, &there) || mproc_args_get_queue(args, 1, &back))
        return 1;
    struct pollfd item = {.fd = mproc_queue_fd(there), .events = POLLIN};
    int r = 0;
    /* Another worker may have been quicker. */
    do {
        if (poll(&item, 1, WAIT_MS) != 1)
            return 2;
        r = mproc_queue_get_into(there, MPROC_NOW, sizeof(number), &number, &len);
    } while (r == -EAGAIN);
    if (r == 0)
        r = mproc_queue_put(back, &number, sizeof(number), MPROC_NOW);
    mproc_queue_unref(there);
    mproc_queue_unref(back);
    return r;
}

static const struct mproc_entry entries[] = {{"answer", answer}, {"answer_once", answer_once}, {NULL, NULL}};

/* A test program has no main() of its own: this is as early as anybody can open the context of start method
 * spawn. */
__attribute__((constructor)) static void take_up(void)
{
    struct mproc_context *ignored;

    if (!getenv("MPROC_SPAWN"))
        return;
    mproc_context_open(&(struct mproc_context_options){.entries = entries}, &ignored);
    _exit(4);
}

TestSuite(queue_poll_travel, .timeout = 60);

/* What a wait takes once and keeps for the next one is not to be counted. */
static unsigned count_fds_after_a_wait(void)
{
    CHECK(mproc_pipe_wait(NULL, 0, mproc_deadline_ms(1), NULL) == -ETIMEDOUT);
    return child_count_fds();
}

static struct mproc_queue *new_queue(void)
{
    struct mproc_queue *queue = NULL;

    REQUIRE(mproc_queue_create(&(struct mproc_queue_options){.pollable = true}, &queue) == 0);
    return queue;
}

static struct mproc_args *with_queues(const struct mproc_queue *there, const struct mproc_queue *back)
{
    struct mproc_args *args = NULL;

    REQUIRE(mproc_args_new(&args) == 0);
    CHECK(mproc_args_add_queue(args, there) == 0);
    CHECK(mproc_args_add_queue(args, back) == 0);
    return args;
}

/* Takes one message out of what is waited for; there is no other way to it. */
static uint32_t await_number(struct mproc_queue *back)
{
    struct mproc_waitable item = {.queue = back};
    uint32_t number = 0;
    size_t len;
    int err;

    do {
        REQUIRE(mproc_pipe_wait(&item, 1, mproc_deadline_ms(WAIT_MS), NULL) == 0);
        err = mproc_queue_get_into(back, MPROC_NOW, sizeof(number), &number, &len);
    } while (err == -EAGAIN);
    REQUIRE(err == 0);
    return number;
}

static void go_by(enum mproc_start_method method)
{
    open_context(entries);
    unsigned before = count_fds_after_a_wait();
    struct mproc_queue *there = new_queue();
    struct mproc_queue *back = new_queue();
    CHECK(child_count_fds() == before + 4);
    struct mproc_process *process =
        start("answer", with_queues(there, back), &(struct mproc_process_options){.method = method});
    CHECK(child_count_fds() == before + 5); /* and that of the process */
    for (uint32_t number = 1; number <= 100; number++) {
        CHECK(mproc_queue_put(there, &number, sizeof(number), MPROC_NOW) == 0);
        CHECK(await_number(back) == number);
    }
    CHECK(mproc_queue_close(there, MPROC_NOW) == 0);
    struct mproc_status status = join(process);
    CHECK(status.end == MPROC_END_EXIT && status.code == 0);
    mproc_process_free(process);
    mproc_queue_unref(there);
    mproc_queue_unref(back);
    CHECK(child_count_fds() == before);
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAIT_MS)) == 0);
}

CHILD_TEST(queue_poll_travel, by_forkserver)
{
    go_by(MPROC_START_FORKSERVER);
}

CHILD_TEST(queue_poll_travel, by_spawn)
{
    go_by(MPROC_START_SPAWN);
}

CHILD_TEST(queue_poll_travel, by_fork)
{
    go_by(MPROC_START_FORK);
}

CHILD_TEST(queue_poll_travel, to_workers_of_a_pool)
{
    enum { TASKS = 40 };
    struct mproc_pool *pool = NULL;
    uint64_t sum = 0;

    open_context(entries);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 2}, &pool) == 0);
    unsigned before = count_fds_after_a_wait();
    struct mproc_queue *there = new_queue();
    struct mproc_queue *back = new_queue();
    struct mproc_args *args = with_queues(there, back);
    for (int i = 0; i < TASKS; i++)
        CHECK(mproc_pool_submit(pool, "answer_once", args, NULL, mproc_deadline_ms(WAIT_MS), NULL) == 0);
    for (uint32_t number = 1; number <= TASKS; number++)
        CHECK(mproc_queue_put(there, &number, sizeof(number), MPROC_NOW) == 0);
    while (mproc_pool_collect(pool, mproc_deadline_ms(WAIT_MS)) == 0)
        ;
    for (int i = 0; i < TASKS; i++)
        sum += await_number(back);
    CHECK(sum == TASKS * (TASKS + 1) / 2);
    mproc_args_free(args);
    mproc_queue_unref(there);
    mproc_queue_unref(back);
    CHECK(child_count_fds() == before);
    CHECK(mproc_pool_close(pool) == 0);
    CHECK(mproc_pool_join(pool, mproc_deadline_ms(WAIT_MS)) == 0);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAIT_MS)) == 0);
}

CHILD_TEST(queue_poll_travel, through_a_connection)
{
    unsigned before = count_fds_after_a_wait();
    struct mproc_pipe *here = NULL, *there = NULL;
    struct mproc_queue *first = new_queue();
    struct mproc_queue *second = new_queue();
    struct mproc_queue *arrived = NULL;
    struct mproc_args *args = with_queues(first, second);

    REQUIRE(mproc_pipe_create(NULL, &here, &there) == 0);
    for (int round = 0; round < 3; round++) {
        struct mproc_args *got = NULL;
        REQUIRE(mproc_pipe_send_args(here, args, MPROC_NOW) == 0);
        REQUIRE(mproc_pipe_receive_args(there, MPROC_NOW, &got) == 0);
        REQUIRE(mproc_args_get_queue(got, 1, &arrived) == 0); /* the first is never taken */
        CHECK(mproc_args_get_queue(got, 1, &arrived) == -ENOENT);
        uint32_t number = 7;
        CHECK(mproc_queue_put(arrived, &number, sizeof(number), MPROC_NOW) == 0);
        mproc_queue_unref(arrived);
        mproc_args_free(got);
        CHECK(await_number(second) == 7);
    }
    mproc_args_free(args);
    mproc_pipe_unref(here);
    mproc_pipe_unref(there);
    mproc_queue_unref(first);
    mproc_queue_unref(second);
    CHECK(child_count_fds() == before);
}

/* Each takes two: what does not fit is told of, and nothing is lost. */
CHILD_TEST(queue_poll_travel, counts_its_descriptors)
{
    unsigned before = count_fds_after_a_wait();
    struct mproc_queue *queue = new_queue();
    struct mproc_args *args = NULL;
    unsigned added = 0;

    REQUIRE(mproc_args_new(&args) == 0);
    int err;
    while ((err = mproc_args_add_queue(args, queue)) == 0)
        added++;
    CHECK(err == -EMSGSIZE);
    CHECK(added > MPROC_ARGS_FDS_MAX / 2 - 8 && added <= MPROC_ARGS_FDS_MAX / 2);
    CHECK(child_count_fds() == before + 2 + 2 * added);
    mproc_args_free(args);
    mproc_queue_unref(queue);
    CHECK(child_count_fds() == before);
}
