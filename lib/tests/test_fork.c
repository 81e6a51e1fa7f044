/* A process that was forked by fork(2): what was its parent's it cannot use, and what is its own it can have.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mproc/pool.h>
#include <mproc/stop.h>

#include "starting.h"

TestSuite(fork, .timeout = 60);

/* Its fork returns as well, and something else. */
static int return_twice(struct mproc_args *args)
{
    int status;
    pid_t pid = fork();

    (void)args;
    if (pid == 0)
        return 5;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0 : 1;
}

static int free_arguments(struct mproc_args *args)
{
    mproc_args_free(args);
    return 0;
}

static int answer(struct mproc_args *args)
{
    int64_t value = -1;
    mproc_args_get_int(args, 0, &value);
    return (int)value;
}

static int wait_for_stop(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER) == -ECANCELED ? 7 : 1;
}

static const struct mproc_entry entries[] = {{"answer", answer},
                                             {"wait", wait_for_stop},
                                             {"return_twice", return_twice},
                                             {"free_arguments", free_arguments},
                                             {NULL, NULL}};

/* In a fork: a context of its own, from the beginning to the end. */
static void use_own_context(struct mproc_context *inherited, struct mproc_process *theirs)
{
    struct mproc_process *process = NULL;
    unsigned before = child_count_fds();

    CHECK(mproc_process_start(inherited, "answer", NULL, NULL, &process) == -EPERM);
    open_context(entries);
    process = start("answer", with_int(11), NULL);
    CHECK(join(process).code == 11);
    mproc_process_free(process);
    process = start("wait", NULL, NULL);
    CHECK(mproc_process_start(inherited, "answer", NULL, NULL, &process) == -EPERM);
    CHECK(mproc_process_join(theirs, MPROC_NOW, NULL) == -EPERM);
    CHECK(mproc_process_sentinel(theirs) == -EPERM);
    CHECK(mproc_context_close(inherited, MPROC_NOW) == -EPERM);
    CHECK(mproc_process_ask(process) == 0);
    CHECK(join(process).code == 7);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    /* The channel, the keeper, the table, and the process of the parent. */
    CHECK(child_count_fds() == before - 4);
}

CHILD_TEST(fork, a_context_of_its_own_beside_that_of_its_parent)
{
    struct mproc_context_info before, now;
    struct mproc_process *process;
    int status;

    open_context(entries);
    process = start("wait", NULL, NULL);
    REQUIRE(mproc_context_get_info(context, &before) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        use_own_context(context, process);
        _exit(child_failures ? 1 : 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(mproc_context_get_info(context, &now) == 0);
    CHECK(now.guard_pid == before.guard_pid && now.keeper_pid == before.keeper_pid);
    CHECK(now.restarts == 0 && now.running == 1);
    CHECK(mproc_process_ask(process) == 0);
    CHECK(join(process).code == 7);
    mproc_process_free(process);
    process = start("answer", with_int(12), NULL);
    CHECK(join(process).code == 12);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, mproc_deadline_ms(5000)) == 0);
}

CHILD_TEST(fork, of_a_worker_returns_for_nobody_but_itself)
{
    struct mproc_pool *pool;

    open_context(entries);
    for (int method = 0; method < 2; method++) {
        struct mproc_process *process = start(
            "return_twice", NULL,
            &(struct mproc_process_options){.method = method ? MPROC_START_FORK : MPROC_START_FORKSERVER});
        struct mproc_status status = join(process);
        CHECK(status.code == 0 && status.result == 0 && mproc_status_check(&status) == 0);
        mproc_process_free(process);
    }
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 1}, &pool) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(mproc_pool_apply(pool, "return_twice", NULL, NULL, mproc_deadline_ms(20000), NULL) == 0);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(fork, and_no_process_dies_of_arguments_that_its_entry_has_freed)
{
    open_context(entries);
    struct mproc_process *process = start("free_arguments", with_int(1), NULL);
    CHECK(join(process).code == 0);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}
