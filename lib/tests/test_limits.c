#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/limits.h>

#include "child.h"

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
static void become_nobody(void)
{
    if (getuid() == 0) {
        REQUIRE(setgroups(0, NULL) == 0);
        REQUIRE(setgid(65534) == 0);
        REQUIRE(setuid(54321) == 0);
    }
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
