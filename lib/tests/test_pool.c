#include <sys/resource.h>

#include "pool_tasks.h"

TestSuite(pool, .timeout = 60);

CHILD_TEST(pool, runs_a_task_and_gives_its_result_back)
{
    open_pool(NULL);
    struct mproc_args *args = args_of(12);
    struct mproc_args *values;
    REQUIRE(mproc_pool_apply(pool, "square", args, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
    CHECK(mproc_args_count(values) == 1);
    CHECK(int_of(values, 0) == 144);
    mproc_args_free(values);
    CHECK(mproc_pool_apply(pool, "square", args, NULL, MPROC_FOREVER, NULL) == 0);
    mproc_args_free(args);
    close_pool();
}

CHILD_TEST(pool, keeps_more_tasks_than_there_are_cells)
{
    enum { MANY = 3000 };
    static struct mproc_future *futures[MANY];

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (int i = 0; i < MANY; i++)
        futures[i] = submit("square", i, NULL);
    for (int i = MANY - 1; i >= 0; i--) {
        struct mproc_result result = wait_for(futures[i]);
        CHECK(result.outcome == MPROC_OUTCOME_DONE && result.attempts == 1 && result.detail[0] == '\0');
        CHECK(int_of(result.values, 0) == (int64_t)i * i);
        mproc_future_free(futures[i]);
    }
    close_pool();
}

CHILD_TEST(pool, reports_what_a_task_returned)
{
    open_pool(&(struct mproc_pool_options){.workers = 1});
    struct mproc_future *future = submit("fail", 1, NULL);
    struct mproc_result result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_FAILED && result.error == -ENOENT && !result.values);
    CHECK_STR(result.detail, "there is no argument 5: 1 arrived");
    mproc_future_free(future);
    future = submit("return_it", 7, NULL);
    result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_FAILED && result.error == 7);
    CHECK_STR(result.detail, "'return_it' returned 7");
    mproc_future_free(future);
    struct mproc_args *args = args_of(-EXDEV);
    CHECK(mproc_pool_apply(pool, "return_it", args, NULL, MPROC_FOREVER, NULL) == -EXDEV);
    mproc_args_free(args);
    close_pool();
}

CHILD_TEST(pool, a_death_costs_one_task_and_is_explained)
{
    struct mproc_future *futures[20];

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (int i = 0; i < 20; i++)
        futures[i] = submit(i == 4 ? "die" : i == 11 ? "leave" : "square", i == 4 ? SIGKILL : i, NULL);
    for (int i = 0; i < 20; i++) {
        struct mproc_result result = wait_for(futures[i]);
        if (i == 4) {
            CHECK(result.outcome == MPROC_OUTCOME_DIED && result.error == -ECHILD && result.attempts == 1);
            CHECK(result.status.end == MPROC_END_SIGNAL && result.status.signal == SIGKILL);
            CHECK(strstr(result.detail, "killed by SIGKILL") != NULL);
        } else if (i == 11) {
            CHECK(result.outcome == MPROC_OUTCOME_DIED && result.status.code == 3);
            CHECK(strstr(result.detail, "exit code 3") != NULL);
        } else {
            CHECK(result.outcome == MPROC_OUTCOME_DONE && int_of(result.values, 0) == (int64_t)i * i);
        }
        mproc_future_free(futures[i]);
    }
    struct mproc_pool_stat stat;
    CHECK(mproc_pool_get_stat(pool, &stat) == 0);
    CHECK(stat.deaths == 2 && stat.restarts == 2 && stat.workers == 2);
    CHECK(stat.finished[MPROC_OUTCOME_DONE] == 18 && stat.finished[MPROC_OUTCOME_DIED] == 2);
    close_pool();
}

CHILD_TEST(pool, carries_large_arguments_and_results)
{
    struct mproc_args *args, *values;
    const char *string = NULL;
    char *text = malloc(1 << 20);

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (size_t len = 1; len < 1 << 20; len = len * 3 + 1) {
        memset(text, 'x', len);
        text[len] = '\0';
        REQUIRE(mproc_args_new(&args) == 0);
        mproc_args_add_string(args, text);
        mproc_args_add_int(args, 3);
        REQUIRE(mproc_pool_apply(pool, "repeat", args, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
        CHECK(mproc_args_count(values) == 3);
        CHECK(mproc_args_get_string(values, 2, &string) == 0 && strcmp(string, text) == 0);
        mproc_args_free(values);
        mproc_args_free(args);
    }
    free(text);
    close_pool();
}

CHILD_TEST(pool, carries_descriptors_and_handles_both_ways)
{
    struct mproc_args *args, *values;
    struct mproc_queue *queue;
    const void *bytes;
    size_t len;
    pid_t pid;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    unsigned before = child_count_fds();
    REQUIRE(mproc_pool_apply(pool, "make_pipe", NULL, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
    int fd = -1;
    REQUIRE(mproc_args_get_fd(values, 0, &fd) == 0);
    mproc_args_free(values);
    REQUIRE(mproc_args_new(&args) == 0);
    mproc_args_add_fd(args, fd);
    close(fd);
    REQUIRE(mproc_pool_apply(pool, "read_fd", args, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
    CHECK(mproc_args_get_bytes(values, 0, &bytes, &len) == 0 && len == 5 && memcmp(bytes, "hello", 5) == 0);
    mproc_args_free(values);
    mproc_args_free(args);
    REQUIRE(mproc_queue_create(NULL, &queue) == 0 && mproc_args_new(&args) == 0);
    mproc_args_add_queue(args, queue);
    for (int i = 0; i < 50; i++)
        CHECK(mproc_pool_submit(pool, "put_pid", args, NULL, MPROC_FOREVER, NULL) == 0);
    while (mproc_pool_collect(pool, mproc_deadline_ms(WAIT_MS)) == 0)
        ;
    for (int i = 0; i < 50; i++)
        CHECK(mproc_queue_get_into(queue, MPROC_NOW, sizeof(pid), &pid, &len) == 0);
    mproc_args_free(args);
    mproc_queue_unref(queue);
    CHECK(child_count_fds() == before);
    close_pool();
}

CHILD_TEST(pool, outlives_tasks_and_hooks_that_free_their_arguments)
{
    struct mproc_args *init = args_of(1), *values = NULL;
    struct mproc_worker_stat worker = {0};
    struct mproc_pool_stat stat = {0};

    open_pool(&(struct mproc_pool_options){.workers = 1, .init = "free_args", .init_args = init});
    for (int i = 0; i < 20; i++) {
        struct mproc_args *args = args_of(i);
        if (i % 2)
            mproc_args_add_fd(args, STDOUT_FILENO);
        REQUIRE(mproc_pool_apply(pool, "free_args", args, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
        REQUIRE(mproc_pool_get_worker(pool, 0, &worker) == 0);
        CHECK(int_of(values, 0) == worker.pid);
        mproc_args_free(values);
        REQUIRE(mproc_pool_apply(pool, "square", args, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
        CHECK(int_of(values, 0) == i * i);
        mproc_args_free(values);
        mproc_args_free(args);
    }
    CHECK(mproc_pool_get_stat(pool, &stat) == 0 && stat.deaths == 0 && stat.restarts == 0);
    mproc_args_free(init);
    close_pool();
}

/* The task has done what it was to do: it is the owner that has no room. */
CHILD_TEST(pool, says_that_its_owner_has_no_descriptors_left_for_a_result)
{
    struct mproc_args *values = NULL;
    struct rlimit limit;
    char owner[64], detail[400];

    open_pool(&(struct mproc_pool_options){.workers = 1});
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    const struct rlimit none_free = {(rlim_t)next, limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none_free) == 0);
    struct mproc_future *future = submit("make_pipe", 0, NULL);
    struct mproc_result result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_FAILED && result.error == -EMFILE && result.attempts == 1);
    snprintf(owner, sizeof(owner), "process %d had no room", (int)getpid());
    snprintf(detail, sizeof(detail), "%s", result.detail);
    CHECK(strstr(detail, "'make_pipe' ran, but its result is lost in the owner") == detail);
    CHECK(strstr(detail, owner) && strstr(detail, "raise its RLIMIT_NOFILE"));
    CHECK(mproc_pool_apply(pool, "make_pipe", NULL, NULL, mproc_deadline_ms(WAIT_MS), &values) == -EMFILE);
    CHECK_STR(mproc_error_detail(), detail);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(mproc_pool_apply(pool, "make_pipe", NULL, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
    mproc_args_free(values);
    mproc_future_free(future);
    close_pool();
}

CHILD_TEST(pool, stops_a_task_at_its_timeout_and_no_other)
{
    struct mproc_future *futures[8];

    open_pool(&(struct mproc_pool_options){.workers = 2, .grace_ms = 20});
    for (int i = 0; i < 8; i++)
        futures[i] = submit(i == 3   ? "hang"
                            : i == 5 ? "wait_politely"
                                     : "square",
                            i, &(struct mproc_task_options){.timeout_ms = i == 3 || i == 5 ? 50 : 10000});
    for (int i = 0; i < 8; i++) {
        struct mproc_result result = wait_for(futures[i]);
        if (i == 3 || i == 5) {
            CHECK(result.outcome == MPROC_OUTCOME_TIMED_OUT && result.error == -ETIMEDOUT);
            CHECK(strstr(result.detail, "ran longer than 50 ms") != NULL);
            CHECK((result.status.end == MPROC_END_SIGNAL) == (i == 3));
        } else {
            CHECK(result.outcome == MPROC_OUTCOME_DONE && result.attempts == 1);
        }
        mproc_future_free(futures[i]);
    }
    struct mproc_pool_stat stat;
    CHECK(mproc_pool_get_stat(pool, &stat) == 0);
    CHECK(stat.deaths == 0 && stat.restarts == 2);
    close_pool();
}

CHILD_TEST(pool, cancels_what_waits_and_what_runs)
{
    struct mproc_queue *queue;
    struct mproc_args *args;
    struct mproc_future *running;
    size_t len;
    pid_t pid;

    open_pool(&(struct mproc_pool_options){.workers = 1, .grace_ms = 20});
    REQUIRE(mproc_queue_create(NULL, &queue) == 0 && mproc_args_new(&args) == 0);
    mproc_args_add_queue(args, queue);
    REQUIRE(mproc_pool_submit(pool, "tell_and_hang", args, NULL, MPROC_FOREVER, &running) == 0);
    struct mproc_future *waiting = submit("square", 2, NULL);
    struct mproc_future *other = submit("square", 3, NULL);
    REQUIRE(mproc_queue_get_into(queue, mproc_deadline_ms(WAIT_MS), sizeof(pid), &pid, &len) == 0);
    CHECK(mproc_future_cancel(waiting) == 0);
    struct mproc_result result = wait_for(waiting);
    CHECK(result.outcome == MPROC_OUTCOME_CANCELLED && result.attempts == 0 && result.worker == -1);
    CHECK_STR(result.detail, "'square' was cancelled before it began");
    CHECK(mproc_future_wait(running, MPROC_NOW, NULL) == -EAGAIN);
    CHECK(mproc_future_cancel(running) == 0);
    result = wait_for(running);
    CHECK(result.outcome == MPROC_OUTCOME_CANCELLED && result.attempts == 1);
    CHECK(kill(pid, 0) == -1 && errno == ESRCH);
    result = wait_for(other);
    CHECK(int_of(result.values, 0) == 9);
    CHECK(mproc_future_cancel(other) == -EALREADY);
    mproc_future_free(running);
    mproc_future_free(waiting);
    mproc_future_free(other);
    mproc_args_free(args);
    mproc_queue_unref(queue);
    close_pool();
}

CHILD_TEST(pool, apply_leaves_nothing_running_at_its_deadline)
{
    open_pool(&(struct mproc_pool_options){.workers = 1, .grace_ms = 10});
    CHECK(mproc_pool_apply(pool, "hang", NULL, NULL, mproc_deadline_ms(30), NULL) == -ETIMEDOUT);
    CHECK_STR(mproc_error_detail(), "'hang' was cancelled: the deadline has passed");
    CHECK(mproc_pool_apply(pool, "hang", NULL, NULL, MPROC_NOW, NULL) == -EAGAIN);
    CHECK_STR(mproc_error_detail(), "'hang' was cancelled: it was not done at once");
    struct mproc_pool_stat stat;
    CHECK(mproc_pool_get_stat(pool, &stat) == 0 && stat.running == 0 && stat.pending == 0);
    struct mproc_args *args = args_of(5);
    CHECK(mproc_pool_apply(pool, "square", args, NULL, mproc_deadline_ms(WAIT_MS), NULL) == 0);
    mproc_args_free(args);
    close_pool();
}

CHILD_TEST(pool, a_stopped_thread_submits_where_there_is_room)
{
    struct mproc_stop *stop = NULL, *before;
    struct mproc_future *future = NULL;

    open_pool(&(struct mproc_pool_options){.workers = 1, .max_pending = 1});
    REQUIRE(mproc_stop_new(NULL, &stop) == 0);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    before = mproc_stop_enter(stop);
    CHECK(mproc_process_start(context, "square", NULL, NULL, &(struct mproc_process *){NULL}) == -ECANCELED);
    REQUIRE(mproc_pool_submit(pool, "hang", NULL, NULL, MPROC_FOREVER, &future) == 0);
    CHECK(mproc_pool_submit(pool, "hang", NULL, NULL, MPROC_FOREVER, NULL) == -ECANCELED);
    CHECK(mproc_future_cancel(future) == 0);
    mproc_stop_enter(before);
    CHECK(wait_for(future).outcome == MPROC_OUTCOME_CANCELLED);
    mproc_future_free(future);
    mproc_stop_unref(stop);
    close_pool();
}

static void add_one_more(void *user, const struct mproc_result *result)
{
    int64_t *left = user;
    struct mproc_args *args;

    CHECK(result->outcome == MPROC_OUTCOME_DONE);
    if (--*left == 0)
        return;
    args = args_of(*left);
    CHECK(mproc_pool_submit(pool, "square", args,
                            &(struct mproc_task_options){.done = add_one_more, .user = user}, MPROC_FOREVER,
                            NULL) == 0);
    mproc_args_free(args);
}

CHILD_TEST(pool, calls_back_inside_calls_and_callbacks_may_submit)
{
    int64_t left = 50;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    mproc_future_free(submit("square", 1, &(struct mproc_task_options){.done = add_one_more, .user = &left}));
    while (mproc_pool_collect(pool, mproc_deadline_ms(WAIT_MS)) == 0)
        ;
    CHECK(left == 0);
    CHECK(mproc_pool_collect(pool, MPROC_NOW) == -ENODATA);
    close_pool();
}
