#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/limits.h>
#include <mproc/pool.h>

#include "starting.h"

TestSuite(limits, .timeout = 20);

CHILD_TEST(limits, a_soft_limit_goes_down_and_up_again)
{
    struct mproc_limit limit = {0}, before = {0};
    CHECK(mproc_limits_get(0, RLIMIT_NOFILE, &before) == 0);
    CHECK(mproc_limits_lower(0, RLIMIT_NOFILE, 64) == 0);
    CHECK(mproc_limits_get(0, RLIMIT_NOFILE, &limit) == 0);
    CHECK(limit.soft == 64 && limit.hard == before.hard);
    CHECK(mproc_limits_raise(0, RLIMIT_NOFILE, 100) == 0);
    CHECK(mproc_limits_raise(0, RLIMIT_NOFILE, 10) == 0);  /* never lowers */
    CHECK(mproc_limits_lower(0, RLIMIT_NOFILE, 200) == 0); /* never raises */
    uint64_t effective = 0;
    CHECK(mproc_limits_effective(RLIMIT_NOFILE, &effective) == 0);
    CHECK(effective == 100);
    CHECK(mproc_limits_get(0, 99, &limit) == -EINVAL);
}

CHILD_TEST(limits, of_another_process_too)
{
    struct mproc_limit limit = {0};
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    CHECK(mproc_limits_lower(pid, RLIMIT_NOFILE, 33) == 0);
    CHECK(mproc_limits_get(pid, RLIMIT_NOFILE, &limit) == 0);
    CHECK(limit.soft == 33);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(mproc_limits_get(pid, RLIMIT_NOFILE, &limit) == -ESRCH);
}

/* Root may raise hard limits, so become somebody who may not. */
static void become(uid_t uid)
{
    if (getuid() == 0) {
        REQUIRE(setgroups(0, NULL) == 0);
        REQUIRE(setgid(65534) == 0);
        REQUIRE(setuid(uid) == 0);
    }
}

static void become_nobody(void)
{
    become(54321);
}

CHILD_TEST(limits, preflight_raises_what_it_may)
{
    struct mproc_limit limit = {0};
    become_nobody();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &(struct rlimit){32, 256}) == 0);
    CHECK(mproc_limits_preflight(&(struct mproc_need){.workers = 100}) == 0);
    CHECK(mproc_limits_get(0, RLIMIT_NOFILE, &limit) == 0);
    CHECK(limit.soft > 100 && limit.soft <= 256);
}

CHILD_TEST(limits, preflight_names_limit_value_and_need_of_descriptors)
{
    become_nobody();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &(struct rlimit){32, 32}) == 0);
    CHECK(mproc_limits_preflight(&(struct mproc_need){.workers = 2}) == 0);
    CHECK(mproc_limits_preflight(&(struct mproc_need){.workers = 100}) == -EMFILE);
    CHECK(strstr(mproc_error_detail(), "RLIMIT_NOFILE is 32"));
    CHECK(strstr(mproc_error_detail(), "100 workers need 1"));
    CHECK(mproc_limits_preflight(&(struct mproc_need){.workers = 1, .worker_fds = 40}) == -EMFILE);
    CHECK(strstr(mproc_error_detail(), "each worker needs 47"));
}

/* Processes and threads of this user, which RLIMIT_NPROC counts wherever they are; other tests run beside
 * this one. */
static rlim_t tasks_of_user(void)
{
    rlim_t count = 0;
    glob_t tasks = {0};
    if (glob("/proc/[0-9]*/task/[0-9]*", 0, NULL, &tasks) == 0)
        for (size_t i = 0; i < tasks.gl_pathc; i++) {
            struct stat status;
            count += stat(tasks.gl_pathv[i], &status) == 0 && status.st_uid == geteuid();
        }
    globfree(&tasks);
    return count;
}

CHILD_TEST(limits, preflight_names_limit_value_and_need_of_processes)
{
    char limit_text[64];
    become_nobody();
    rlim_t limit = tasks_of_user() + 200;
    REQUIRE(setrlimit(RLIMIT_NPROC, &(struct rlimit){limit, limit}) == 0);
    CHECK(mproc_limits_preflight(&(struct mproc_need){.workers = 4}) == 0);
    CHECK(mproc_limits_preflight(&(struct mproc_need){.workers = 4000}) == -EAGAIN);
    snprintf(limit_text, sizeof(limit_text), "RLIMIT_NPROC is %llu", (unsigned long long)limit);
    CHECK(strstr(mproc_error_detail(), limit_text));
    CHECK(strstr(mproc_error_detail(), "need 4002 processes more"));
}

static int do_nothing(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static const struct mproc_entry entries[] = {{"nothing", do_nothing}, {NULL, NULL}};

/* It is the guard that forks the workers, and it was forked before the limit was raised. */
CHILD_TEST(limits, what_preflight_promises_the_guard_can_start)
{
    enum { WORKERS = 60 };
    const struct mproc_need need = {.workers = WORKERS};
    struct mproc_context_info info;
    struct mproc_process *process;
    struct mproc_limit limit;
    struct mproc_pool *pool;
    become(54322);
    rlim_t soft = tasks_of_user() + 20, hard = soft + 400;
    REQUIRE(setrlimit(RLIMIT_NPROC, &(struct rlimit){soft, hard}) == 0);
    open_context(entries);
    CHECK(mproc_limits_preflight(&need) == 0);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = WORKERS}, &pool) == 0);
    mproc_pool_free(pool);
    /* The same for the next guard. */
    REQUIRE(mproc_context_get_info(context, &info) == 0);
    CHECK(mproc_limits_get(info.keeper_pid, RLIMIT_NPROC, &limit) == 0 && limit.soft >= soft + WORKERS - 20);
    process = start("nothing", NULL, NULL);
    join(process);
    mproc_process_free(process);
    /* Where it may not be raised, that is said. */
    REQUIRE(prlimit(info.guard_pid, RLIMIT_NPROC, &(struct rlimit){soft, soft}, NULL) == 0);
    CHECK(mproc_limits_preflight(&need) == -EAGAIN);
    CHECK(strstr(mproc_error_detail(), "RLIMIT_NPROC of the guard is"));
    CHECK(strstr(mproc_error_detail(), "before the context is opened"));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(limits, preflight_looks_at_the_descriptors_that_workers_will_have)
{
    const struct mproc_need need = {.workers = 1, .worker_fds = 100};
    become_nobody();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 256}) == 0);
    open_context(entries);
    REQUIRE(mproc_limits_raise(0, RLIMIT_NOFILE, 256) == 0);
    CHECK(mproc_limits_preflight(&need) == -EMFILE);
    CHECK(strstr(mproc_error_detail(), "RLIMIT_NOFILE is 64"));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}
