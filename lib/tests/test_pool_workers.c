#include "pool_tasks.h"

TestSuite(pool_workers, .timeout = 60);

CHILD_TEST(pool_workers, hooks_run_and_state_is_each_workers_own)
{
    struct mproc_args *init = args_of(77);
    struct mproc_args *values;

    open_pool(&(struct mproc_pool_options){.workers = 2, .init = "set_state", .init_args = init});
    mproc_args_free(init);
    REQUIRE(mproc_pool_apply(pool, "tell_state", NULL, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
    CHECK(int_of(values, 0) == 77);
    CHECK(int_of(values, 1) == 0 || int_of(values, 1) == 1);
    mproc_args_free(values);
    close_pool();
}

CHILD_TEST(pool_workers, the_exit_hook_runs_when_a_worker_ends_by_itself)
{
    struct mproc_queue *queue;
    struct mproc_queue_stat stat;
    struct mproc_args *init;

    REQUIRE(mproc_queue_create(NULL, &queue) == 0 && mproc_args_new(&init) == 0);
    mproc_args_add_queue(init, queue);
    open_pool(&(struct mproc_pool_options){
        .workers = 3, .init = "keep_queue", .init_args = init, .exit = "say_goodbye"});
    mproc_args_free(init);
    close_pool();
    mproc_queue_stat(queue, &stat);
    CHECK(stat.messages == 3);
    mproc_queue_unref(queue);
}

CHILD_TEST(pool_workers, workers_are_replaced_after_their_share)
{
    struct mproc_args *values;
    struct mproc_worker_stat stat;
    int64_t first = 0;

    open_pool(
        &(struct mproc_pool_options){.workers = 1, .max_tasks = 3, .init = "set_state", .init_args = NULL});
    mproc_pool_free(pool);
    struct mproc_args *init = args_of(1);
    REQUIRE(mproc_pool_create(context,
                              &(struct mproc_pool_options){
                                  .workers = 1, .max_tasks = 3, .init = "set_state", .init_args = init},
                              &pool) == 0);
    mproc_args_free(init);
    for (int i = 0; i < 7; i++) {
        REQUIRE(mproc_pool_apply(pool, "tell_state", NULL, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
        if (i == 0)
            first = int_of(values, 2);
        CHECK((int_of(values, 2) == first) == (i < 3));
        mproc_args_free(values);
    }
    CHECK(mproc_pool_get_worker(pool, 0, &stat) == 0);
    CHECK(stat.retired == 2 && stat.restarts == 2 && stat.deaths == 0 && stat.tasks == 7);
    CHECK_STR(stat.why, "exit code 0");
    close_pool();
}

CHILD_TEST(pool_workers, workers_that_have_grown_are_replaced)
{
    struct mproc_args *one, *two;

    open_pool(&(struct mproc_pool_options){.workers = 1, .max_bytes = 48 << 20});
    REQUIRE(mproc_pool_apply(pool, "grow", NULL, NULL, mproc_deadline_ms(WAIT_MS), &one) == 0);
    REQUIRE(mproc_pool_apply(pool, "grow", NULL, NULL, mproc_deadline_ms(WAIT_MS), &two) == 0);
    CHECK(int_of(one, 0) != int_of(two, 0));
    mproc_args_free(one);
    mproc_args_free(two);
    close_pool();
}

/* Runs a task that is busy for so long. Returns for how long it was. */
static uint64_t spin_for(int64_t ns)
{
    struct mproc_args *args = args_of(ns), *values = NULL;

    REQUIRE(mproc_pool_apply(pool, "spin", args, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
    uint64_t spent_ns = (uint64_t)int_of(values, 0);
    mproc_args_free(args);
    mproc_args_free(values);
    return spent_ns;
}

CHILD_TEST(pool_workers, it_is_told_how_long_they_were_busy_and_idle)
{
    struct mproc_worker_stat before, after;
    uint64_t begin_ns = mproc_clock_ns();

    open_pool(&(struct mproc_pool_options){.workers = 1});
    spin_for(0);
    REQUIRE(mproc_pool_get_worker(pool, 0, &before) == 0);
    /* The worker is idle at least from here, where its result is known, until it is given a task again. */
    uint64_t idle_ns = mproc_clock_ns();
    CHECK(mproc_stop_sleep(mproc_deadline_ms(20)) == 0);
    idle_ns = mproc_clock_ns() - idle_ns;
    uint64_t busy_ns = spin_for(30000000);
    REQUIRE(mproc_pool_get_worker(pool, 0, &after) == 0);
    CHECK(after.tasks == 2);
    CHECK(after.busy_ns - before.busy_ns >= busy_ns);
    CHECK(after.idle_ns - before.idle_ns >= idle_ns);
    CHECK(after.busy_ns + after.idle_ns <= mproc_clock_ns() - begin_ns);
    close_pool();
}

CHILD_TEST(pool_workers, workers_stay_on_their_cpu)
{
    struct mproc_args *values;

    open_pool(&(struct mproc_pool_options){.workers = 2, .pin = true});
    for (int i = 0; i < 4; i++) {
        REQUIRE(mproc_pool_apply(pool, "tell_cpu", NULL, NULL, mproc_deadline_ms(WAIT_MS), &values) == 0);
        CHECK(int_of(values, 0) == 1 && int_of(values, 1) == 1);
        mproc_args_free(values);
    }
    close_pool();
}

CHILD_TEST(pool_workers, when_all_die_in_init_every_task_is_told)
{
    struct mproc_args *init = args_of(SIGSEGV);
    struct mproc_result result;
    struct mproc_future *future;

    open_pool(&(struct mproc_pool_options){.workers = 2, .init = "die", .init_args = init});
    int r = mproc_pool_submit(pool, "square", init, NULL, mproc_deadline_ms(WAIT_MS), &future);
    REQUIRE(r == 0);
    result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_NOT_RUN && result.error == -ENOTRECOVERABLE);
    CHECK(strstr(result.detail,
                 "'square' was not run: workers end in their init hook 'die', the last was 'pool/"));
    CHECK(strstr(result.detail, "': killed by SIGSEGV"));
    mproc_future_free(future);
    CHECK(mproc_pool_submit(pool, "square", init, NULL, MPROC_NOW, NULL) == -ENOTRECOVERABLE);
    struct mproc_map *map;
    CHECK(mproc_pool_imap(pool, "square", feed_numbers, &r, NULL, &map) == -ENOTRECOVERABLE);
    mproc_args_free(init);
    close_pool();
}

CHILD_TEST(pool_workers, says_what_an_init_hook_returns)
{
    struct mproc_args *init = args_of(-EIO);

    open_pool(
        &(struct mproc_pool_options){.name = "cooks", .workers = 1, .init = "return_it", .init_args = init});
    struct mproc_future *future = submit("square", 1, NULL);
    struct mproc_result result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_NOT_RUN);
    CHECK_STR(result.detail, "'square' was not run: workers end in their init hook 'return_it', the last was "
                             "'cooks/0': returned -5 (Input/output error)");
    mproc_future_free(future);
    CHECK(mproc_pool_submit(pool, "square", init, NULL, MPROC_NOW, NULL) == -ENOTRECOVERABLE);
    CHECK(strstr(mproc_error_detail(), "returned -5 (Input/output error)"));
    mproc_args_free(init);
    close_pool();
}

/* A pool whose workers are killed that often before they serve. Returns how its first task ended. */
static enum mproc_outcome run_beside_deaths(int deaths)
{
    struct mproc_queue *queue;
    struct mproc_args *init;
    struct mproc_future *future;

    REQUIRE(mproc_queue_create(NULL, &queue) == 0 && mproc_args_new(&init) == 0);
    for (int i = 0; i < deaths; i++)
        CHECK(mproc_queue_put(queue, "x", 1, MPROC_NOW) == 0);
    mproc_args_add_queue(init, queue);
    open_pool(&(struct mproc_pool_options){.workers = 2, .init = "be_killed", .init_args = init});
    mproc_args_free(init);
    init = args_of(7);
    REQUIRE(mproc_pool_submit(pool, "square", init, NULL, mproc_deadline_ms(WAIT_MS), &future) == 0);
    mproc_args_free(init);
    struct mproc_result result = wait_for(future);
    mproc_future_free(future);
    close_pool();
    mproc_queue_unref(queue);
    return result.outcome;
}

CHILD_TEST(pool_workers, who_are_killed_as_they_start_do_not_end_the_pool)
{
    CHECK(run_beside_deaths(9) == MPROC_OUTCOME_DONE);
}

CHILD_TEST(pool_workers, who_are_always_killed_as_they_start_end_it)
{
    CHECK(run_beside_deaths(1000) == MPROC_OUTCOME_NOT_RUN);
}

CHILD_TEST(pool_workers, a_failing_init_is_explained)
{
    struct mproc_future *future;

    open_pool(&(struct mproc_pool_options){.workers = 1, .init = "fail"});
    REQUIRE(mproc_pool_submit(pool, "square", NULL, NULL, mproc_deadline_ms(WAIT_MS), &future) == 0);
    struct mproc_result result = wait_for(future);
    CHECK(result.outcome == MPROC_OUTCOME_NOT_RUN);
    CHECK(strstr(result.detail, "there is no argument 5") != NULL);
    mproc_future_free(future);
    close_pool();
}

CHILD_TEST(pool_workers, terminate_ends_everything_and_tells_everybody)
{
    struct mproc_future *futures[10];

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (int i = 0; i < 10; i++)
        futures[i] = submit("hang", i, NULL);
    uint64_t begun_ns = mproc_clock_ns();
    CHECK(mproc_pool_terminate(pool, MPROC_NOW) == 0);
    CHECK(mproc_clock_ns() - begun_ns < 1000000000);
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_pool_terminate(pool, MPROC_NOW) == 0);
    CHECK(mproc_pool_submit(pool, "square", NULL, NULL, MPROC_NOW, NULL) == -EPIPE);
    mproc_pool_free(pool);
    for (int i = 0; i < 10; i++) {
        CHECK(wait_for(futures[i]).outcome == MPROC_OUTCOME_CANCELLED);
        CHECK(mproc_future_cancel(futures[i]) == -EALREADY);
        mproc_future_free(futures[i]);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(pool_workers, a_dropped_pool_ends_in_time)
{
    open_pool(&(struct mproc_pool_options){.workers = 2, .grace_ms = 50});
    for (int i = 0; i < 100; i++)
        CHECK(mproc_pool_submit(pool, i % 2 ? "hang" : "wait_politely", NULL, NULL, MPROC_FOREVER, NULL) ==
              0);
    uint64_t begun_ns = mproc_clock_ns();
    mproc_pool_free(pool);
    CHECK(mproc_clock_ns() - begun_ns < 1500000000);
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    mproc_pool_free(NULL);
    mproc_future_free(NULL);
    mproc_map_free(NULL);
}

CHILD_TEST(pool_workers, the_context_may_be_closed_first)
{
    open_pool(&(struct mproc_pool_options){.workers = 2});
    struct mproc_future *future = submit("hang", 1, NULL);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    mproc_pool_free(pool);
    mproc_future_free(future);
}

CHILD_TEST(pool_workers, join_wants_a_close_and_has_a_deadline)
{
    open_pool(&(struct mproc_pool_options){.workers = 1});
    CHECK(mproc_pool_join(pool, MPROC_FOREVER) == -EINVAL);
    struct mproc_future *future = submit("hang", 1, NULL);
    CHECK(mproc_pool_close(pool) == 0 && mproc_pool_close(pool) == 0);
    CHECK(mproc_pool_join(pool, mproc_deadline_ms(20)) == -ETIMEDOUT);
    CHECK_STR(mproc_error_detail(),
              "1 tasks of the pool 'pool' have not finished, and 1 workers have not ended");
    CHECK(mproc_pool_join(pool, MPROC_NOW) == -EAGAIN);
    CHECK(mproc_future_cancel(future) == 0);
    mproc_future_free(future);
    close_pool();
}

CHILD_TEST(pool_workers, misuse_is_told_at_once)
{
    struct mproc_future *future = NULL;
    struct mproc_map *map;
    struct mproc_pool *other;
    struct mproc_worker_stat stat;
    struct mproc_args *args = args_of(1);
    int cpu = 100000;

    open_pool(&(struct mproc_pool_options){.workers = 1, .max_pending = 2});
    CHECK(mproc_pool_submit(pool, "nothing", NULL, NULL, MPROC_NOW, &future) == -EINVAL && !future);
    CHECK_STR(mproc_error_detail(),
              "the context has no entry 'nothing'; add it to the entries it is opened with");
    CHECK(mproc_pool_submit(pool, NULL, NULL, NULL, MPROC_NOW, &future) == -EINVAL);
    mproc_args_add_array(args, 2);
    CHECK(mproc_pool_submit(pool, "square", args, NULL, MPROC_NOW, &future) == -EINVAL);
    CHECK(mproc_pool_imap(pool, "square", NULL, NULL, NULL, &map) == -EINVAL);
    CHECK(mproc_pool_imap(pool, "nothing", feed_numbers, NULL, NULL, &map) == -EINVAL);
    CHECK(mproc_pool_get_worker(pool, 1, &stat) == -EINVAL);
    CHECK(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 5000}, &other) == -EINVAL);
    CHECK(mproc_pool_create(context, &(struct mproc_pool_options){.init = "nothing"}, &other) == -EINVAL);
    CHECK(mproc_pool_create(context, &(struct mproc_pool_options){.cpus = &cpu, .ncpus = 1}, &other) ==
          -EINVAL);
    CHECK(mproc_task_result() == NULL && mproc_task_worker() == -1 && mproc_task_attempt() == 0);
    for (int i = 0; i < 2; i++)
        CHECK(mproc_pool_submit(pool, "hang", NULL, NULL, MPROC_NOW, NULL) == 0);
    CHECK(mproc_pool_submit(pool, "hang", NULL, NULL, MPROC_NOW, NULL) == -EAGAIN);
    CHECK(mproc_pool_submit(pool, "hang", NULL, NULL, mproc_deadline_ms(5), NULL) == -ETIMEDOUT);
    pid_t pid = fork();
    if (pid == 0) {
        bool is_refused = mproc_pool_submit(pool, "square", NULL, NULL, MPROC_NOW, NULL) == -EPERM &&
                          mproc_pool_join(pool, MPROC_NOW) == -EPERM;
        mproc_pool_free(pool);
        _exit(is_refused ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    mproc_args_free(args);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(pool_workers, a_stop_wakes_who_waits)
{
    open_pool(&(struct mproc_pool_options){.workers = 1, .grace_ms = 10});
    struct mproc_future *future = submit("hang", 1, NULL);
    struct mproc_stop *stop;
    REQUIRE(mproc_stop_new(NULL, &stop) == 0);
    struct mproc_stop *before = mproc_stop_enter(stop);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    CHECK(mproc_future_wait(future, MPROC_FOREVER, NULL) == -ECANCELED);
    CHECK(mproc_pool_apply(pool, "hang", NULL, NULL, MPROC_FOREVER, NULL) == -ECANCELED);
    mproc_stop_enter(before);
    mproc_stop_unref(stop);
    mproc_future_free(future);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(pool_workers, an_idle_worker_that_is_killed_is_replaced)
{
    struct mproc_worker_stat stat;
    struct mproc_args *args = args_of(3);

    open_pool(&(struct mproc_pool_options){.workers = 1});
    for (int i = 0; i < 5; i++) {
        CHECK(mproc_pool_apply(pool, "square", args, NULL, mproc_deadline_ms(WAIT_MS), NULL) == 0);
        CHECK(mproc_pool_get_worker(pool, 0, &stat) == 0);
        CHECK(kill(stat.pid, SIGKILL) == 0);
    }
    CHECK(mproc_pool_apply(pool, "square", args, &(struct mproc_task_options){.retries = 5},
                           mproc_deadline_ms(WAIT_MS), NULL) == 0);
    CHECK(mproc_pool_get_worker(pool, 0, &stat) == 0);
    CHECK(stat.deaths == 5);
    CHECK_STR(stat.why, "killed by SIGKILL");
    mproc_args_free(args);
    close_pool();
}

CHILD_TEST(pool_workers, survives_the_death_of_the_guard)
{
    struct mproc_context_info info;
    struct mproc_args *args = args_of(3);

    open_pool(&(struct mproc_pool_options){.workers = 2});
    CHECK(mproc_pool_apply(pool, "square", args, NULL, mproc_deadline_ms(WAIT_MS), NULL) == 0);
    for (int both = 0; both < 2; both++) {
        REQUIRE(mproc_context_get_info(context, &info) == 0);
        kill(info.guard_pid, SIGKILL);
        if (both)
            kill(info.keeper_pid, SIGKILL);
        CHECK(mproc_pool_apply(pool, "square", args, &(struct mproc_task_options){.retries = 3},
                               mproc_deadline_ms(WAIT_MS), NULL) == 0);
    }
    mproc_args_free(args);
    close_pool();
}

static int submit_many(void *arg)
{
    int64_t *failures = arg;
    struct mproc_args *args, *values;

    for (int64_t i = 0; i < 300; i++) {
        if (mproc_args_new(&args) || mproc_args_add_int(args, i) ||
            mproc_pool_apply(pool, "square", args, NULL, mproc_deadline_ms(WAIT_MS), &values) ||
            int_of(values, 0) != i * i)
            return (int)++*failures;
        mproc_args_free(args);
        mproc_args_free(values);
    }
    return 0;
}

CHILD_TEST(pool_workers, many_threads_may_use_it)
{
    struct mproc_thread *threads[4];
    int64_t failures[4] = {0};

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (int i = 0; i < 4; i++)
        REQUIRE(mproc_thread_start("user", submit_many, &failures[i], NULL, &threads[i]) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(mproc_thread_join(threads[i], mproc_deadline_ms(WAIT_MS), NULL) == 0);
        CHECK(failures[i] == 0);
        mproc_thread_free(threads[i]);
    }
    close_pool();
}
