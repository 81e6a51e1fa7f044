#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/stop.h>

#include "starting.h"

TestSuite(process, .timeout = 60);

static int finish(struct mproc_args *args)
{
    int64_t code = 0;
    mproc_args_get_int(args, 0, &code);
    return (int)code;
}

static int raise_it(struct mproc_args *args)
{
    int64_t signo = 0;
    mproc_args_get_int(args, 0, &signo);
    if (signo == SIGABRT)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    raise((int)signo);
    return 0;
}

static int fail_with_detail(struct mproc_args *args)
{
    int64_t number;
    return mproc_args_get_int(args, 7, &number);
}

static int sleep_politely(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER) == -ECANCELED ? 7 : 1;
}

static int block_in_read(struct mproc_args *args)
{
    int fd = -1;
    char byte;
    mproc_args_get_fd(args, 0, &fd);
    return read(fd, &byte, 1) < 0 && errno == EINTR && mproc_stop_level(NULL) ? 8 : 1;
}

static int ignore_terminate(struct mproc_args *args)
{
    int fd = -1;
    signal(SIGTERM, SIG_IGN);
    mproc_args_get_fd(args, 0, &fd);
    if (write(fd, "r", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static int print(struct mproc_args *args)
{
    int64_t code = 0;
    printf("a line\n");
    mproc_args_get_int(args, 0, &code);
    return (int)code;
}

static int exec_a_shell(struct mproc_args *args)
{
    int64_t code = 0;
    char command[32];

    mproc_args_get_int(args, 0, &code);
    snprintf(command, sizeof(command), "exit %d", (int)code);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    return -errno;
}

static const struct mproc_entry entries[] = {
    {"finish", finish},
    {"print", print},
    {"raise", raise_it},
    {"fail", fail_with_detail},
    {"exec", exec_a_shell},
    {"sleep", sleep_politely},
    {"read", block_in_read},
    {"stubborn", ignore_terminate},
    {NULL, NULL},
};

CHILD_TEST(process, output_that_cannot_be_written_is_a_failure_unless_there_is_another)
{
    open_context(entries);
    struct mproc_process_options options = {
        .stdio = {[STDOUT_FILENO] = open("/dev/full", O_WRONLY | O_CLOEXEC)}};
    REQUIRE(options.stdio[STDOUT_FILENO] > 0);
    struct mproc_process *process = start("print", with_int(0), &options);
    struct mproc_status status = join(process);
    CHECK(status.end == MPROC_END_EXIT && status.code == 1);
    CHECK(status.returned && status.result == -ENOSPC);
    CHECK(strstr(status.detail, "output could not be written"));
    mproc_process_free(process);
    process = start("print", with_int(7), &options);
    CHECK(join(process).result == 7);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static void each_exit_reason(enum mproc_start_method method)
{
    const struct mproc_process_options options = {.method = method};
    char text[96];

    struct mproc_process *process = start("finish", with_int(42), &options);
    struct mproc_status status = join(process);
    CHECK(status.end == MPROC_END_EXIT);
    CHECK(status.code == 42);
    CHECK(status.returned && status.result == 42);
    CHECK(mproc_status_check(&status) == 42 && strstr(mproc_error_detail(), "exit code 42"));
    CHECK_STR(mproc_status_describe(&status, text, sizeof(text)), "exit code 42");
    CHECK(!mproc_process_alive(process));
    CHECK(mproc_process_terminate(process) == 0); /* to one that has ended is no error */
    mproc_process_free(process);

    process = start("finish", with_int(300), &options);
    status = join(process);
    CHECK_STR(mproc_status_describe(&status, text, sizeof(text)), "returned 300");
    CHECK(mproc_status_check(&status) == 300);
    mproc_process_free(process);

    process = start("raise", with_int(SIGKILL), &options);
    status = join(process);
    CHECK(status.end == MPROC_END_SIGNAL);
    CHECK(status.signal == SIGKILL);
    CHECK(status.step == MPROC_STEP_NONE); /* the owner did not do it */
    CHECK(mproc_status_check(&status) == -ECHILD && strstr(mproc_error_detail(), "killed by SIGKILL"));
    mproc_process_free(process);

    process = start("fail", NULL, &options);
    status = join(process);
    CHECK(status.result == -ENOENT); /* exact, though no exit code can be */
    CHECK(status.code == 1);
    CHECK(strstr(status.detail, "no argument 7"));
    CHECK_STR(mproc_status_describe(&status, text, sizeof(text)), "returned -2");
    CHECK(mproc_status_check(&status) == -ENOENT && strstr(mproc_error_detail(), "no argument 7"));
    mproc_process_free(process);

    /* What a program that was exec'ed returns is all that is known of it. */
    process = start("exec", with_int(3), &options);
    status = join(process);
    CHECK(!status.returned && status.code == 3);
    CHECK(mproc_status_check(&status) == -ECHILD && strstr(mproc_error_detail(), "exit code 3"));
    mproc_process_free(process);
    process = start("exec", with_int(0), &options);
    status = join(process);
    CHECK(!status.returned && mproc_status_check(&status) == 0);
    mproc_process_free(process);

    CHECK(mproc_status_check(&(struct mproc_status){.end = MPROC_END_NONE}) == -EAGAIN);
    CHECK(mproc_status_check(&(struct mproc_status){.end = MPROC_END_UNKNOWN}) == -ECHILD);
}

CHILD_TEST(process, the_exit_is_known_by_forkserver)
{
    open_context(entries);
    each_exit_reason(MPROC_START_FORKSERVER);
    CHECK(mproc_context_close(context, mproc_deadline_ms(1000)) == 0);
}

CHILD_TEST(process, the_exit_is_known_by_fork)
{
    open_context(entries);
    each_exit_reason(MPROC_START_FORK);
    CHECK(mproc_context_close(context, mproc_deadline_ms(1000)) == 0);
}

CHILD_TEST(process, join_gives_up_in_time_and_can_be_repeated)
{
    static const enum mproc_start_method methods[] = {MPROC_START_FORKSERVER, MPROC_START_FORK};
    open_context(entries);
    for (int i = 0; i < 2; i++) {
        struct mproc_process *process =
            start("sleep", NULL, &(struct mproc_process_options){.method = methods[i]});
        uint64_t deadline_ns = mproc_deadline_ms(30);
        CHECK(mproc_process_join(process, MPROC_NOW, NULL) == -EAGAIN);
        CHECK(mproc_process_join(process, deadline_ns, NULL) == -ETIMEDOUT);
        CHECK(mproc_clock_ns() >= deadline_ns);
        CHECK(mproc_process_alive(process));
        CHECK(mproc_process_kill(process) == 0);
        struct mproc_status status = join(process);
        CHECK(status.signal == SIGKILL);
        CHECK(status.step == MPROC_STEP_KILL);
        CHECK(join(process).signal == SIGKILL);
        mproc_process_free(process);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process, the_sentinel_polls_readable_and_then_the_status_is_there)
{
    open_context(entries);
    for (int i = 0; i < 50; i++) {
        struct mproc_process *process = start("finish", with_int(i), NULL);
        struct mproc_status status = {0};
        struct pollfd item = {.fd = mproc_process_sentinel(process), .events = POLLIN};
        REQUIRE(poll(&item, 1, 10000) == 1);
        REQUIRE(mproc_process_join(process, MPROC_NOW, &status) == 0);
        CHECK(status.code == i);
        mproc_process_free(process);
    }
    mproc_context_close(context, MPROC_NOW);
}

CHILD_TEST(process, stop_asks_first_and_takes_what_it_needs)
{
    struct mproc_status status = {0};
    int ends[2];
    char byte;
    open_context(entries);
    struct mproc_process *process = start("sleep", NULL, NULL);
    CHECK(mproc_process_stop(process, &(struct mproc_stop_steps){10000, 10000, 10000}, &status) == 0);
    CHECK(status.step == MPROC_STEP_ASK);
    CHECK(status.code == 7); /* its wait was cancelled */
    mproc_process_free(process);

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    process = start("read", with_fd(ends[0]), NULL);
    CHECK(mproc_process_join(process, mproc_deadline_ms(50), NULL) == -ETIMEDOUT);
    CHECK(mproc_process_stop(process, &(struct mproc_stop_steps){10000, 10000, 10000}, &status) == 0);
    CHECK(status.code == 8); /* asking interrupts a system call */
    mproc_process_free(process);

    process = start("stubborn", with_fd(ends[1]), NULL);
    REQUIRE(read(ends[0], &byte, 1) == 1);
    CHECK(mproc_process_stop(process, &(struct mproc_stop_steps){20, 20, 10000}, &status) == 0);
    CHECK(status.step == MPROC_STEP_KILL);
    CHECK(status.signal == SIGKILL);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
}

CHILD_TEST(process, what_cannot_be_set_up_is_an_error_of_the_start)
{
    struct mproc_process *process = NULL;
    struct mproc_args *broken = NULL;
    open_context(entries);
    for (int method = 0; method < MPROC_START__COUNT; method++) {
        struct mproc_process_options options = {.method = (enum mproc_start_method)method, .cwd = "/nowhere"};
        CHECK(mproc_process_start(context, "finish", NULL, &options, &process) == -ENOENT);
        CHECK(strstr(mproc_error_detail(), "working directory"));
        options = (struct mproc_process_options){.method = (enum mproc_start_method)method, .stdio = {999}};
        CHECK(mproc_process_start(context, "finish", NULL, &options, &process) == -EBADF);
        CHECK(strstr(mproc_error_detail(), "999"));
    }
    CHECK(mproc_process_start(context, "finnish", NULL, NULL, &process) == -EINVAL);
    CHECK(strstr(mproc_error_detail(), "finnish"));
    mproc_args_new(&broken);
    mproc_args_add_fd(broken, 9999);
    CHECK(mproc_process_start(context, "finish", broken, NULL, &process) == -EBADF);
    mproc_args_free(broken);
    CHECK(!process); /* untouched on error */
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static void *idle(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 0 ? NULL : arg;
}

CHILD_TEST(process, fork_is_refused_while_threads_run_and_the_forkserver_is_not)
{
    struct mproc_process_options options = {.method = MPROC_START_FORK};
    struct mproc_process *process = NULL;
    struct mproc_context *second = NULL;
    pthread_t thread;
    int ends[2];
    open_context(entries);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    pthread_create(&thread, NULL, idle, &ends[0]);
    CHECK(mproc_process_start(context, "finish", NULL, &options, &process) == -EDEADLK);
    CHECK(strstr(mproc_error_detail(), "threads") && strstr(mproc_error_detail(), "FORKSERVER"));
    process = start("finish", with_int(5), NULL);
    CHECK(join(process).code == 5);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
    CHECK(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &second) == -EDEADLK);
    close(ends[1]);
    pthread_join(thread, NULL);
    open_context(entries);
    process = start("finish", with_int(6), &options);
    CHECK(join(process).code == 6);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
}

static void descriptors_stay_constant(enum mproc_start_method method)
{
    open_context(entries);
    unsigned before = child_count_fds();
    for (int i = 0; i < 100; i++) {
        struct mproc_process *process =
            start("finish", with_fd(STDOUT_FILENO), &(struct mproc_process_options){.method = method});
        join(process);
        REQUIRE(child_count_fds() == before + 1); /* one while there is a handle */
        mproc_process_free(process);
    }
    CHECK(child_count_fds() == before);
    for (int i = 0; i < 20; i++)
        mproc_process_free(start("finish", NULL, &(struct mproc_process_options){.method = method}));
    while (mproc_process_active(context, NULL, 0) > 0)
        sched_yield();
    struct mproc_context_info info;
    mproc_context_get_info(context, &info);
    CHECK(child_count_fds() == before); /* handles given back while their processes ran */
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(child_count_fds() ==
          before - 3); /* the context had its channel, the guard's pidfd, and its table */
    CHECK(waitpid(-1, NULL, WNOHANG) == -1); /* no zombie, no child */
}

CHILD_TEST(process, descriptors_stay_constant_by_forkserver)
{
    descriptors_stay_constant(MPROC_START_FORKSERVER);
}

CHILD_TEST(process, descriptors_stay_constant_by_fork)
{
    descriptors_stay_constant(MPROC_START_FORK);
}

CHILD_TEST(process, hundreds_run_at_once_under_a_limit_of_files_that_fits_them)
{
    enum { MANY = 200 };
    struct mproc_process *processes[MANY], *listed[MANY];
    open_context(entries);
    for (int i = 0; i < MANY; i++)
        processes[i] = start("sleep", NULL, NULL);
    CHECK(mproc_process_active(context, listed, MANY) == MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK(mproc_process_ask(listed[i]) == 0);
        mproc_process_free(listed[i]);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK(join(processes[i]).code == 7);
        mproc_process_free(processes[i]);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process, few_descriptors_are_enough)
{
    const struct rlimit low = {32, 32};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    open_context(entries);
    for (int round = 0; round < 20; round++) {
        struct mproc_process *processes[10];
        for (int i = 0; i < 10; i++)
            processes[i] = start("finish", with_int(i), NULL);
        for (int i = 0; i < 10; i++) {
            CHECK(join(processes[i]).code == i);
            mproc_process_free(processes[i]);
        }
    }
    struct mproc_process *held[40];
    int n = 0, r = 0;
    while (n < 40 && (r = mproc_process_start(context, "sleep", NULL, NULL, &held[n])) == 0)
        n++;
    CHECK(r == -EMFILE);
    CHECK(n > 15);
    for (int i = 0; i < n; i++) {
        mproc_process_kill(held[i]);
        mproc_process_free(held[i]);
    }
    mproc_context_close(context, MPROC_NOW);
}

CHILD_TEST(process, close_joins_kills_and_names)
{
    struct mproc_status status = {0};
    open_context(entries);
    struct mproc_process *stuck =
        start("sleep", NULL, &(struct mproc_process_options){.name = "the stuck one"});
    struct mproc_process *server = start("sleep", NULL, &(struct mproc_process_options){.background = true});
    struct mproc_process *done = start("finish", with_int(3), NULL);
    CHECK(mproc_context_close(context, mproc_deadline_ms(300)) == -ETIMEDOUT);
    CHECK(strstr(mproc_error_detail(), "the stuck one"));
    CHECK(join(done).code == 3);
    CHECK(join(stuck).signal == SIGKILL);
    CHECK(mproc_process_join(server, MPROC_NOW, &status) == 0);
    CHECK(status.step <= MPROC_STEP_TERMINATE);
    mproc_process_free(stuck);
    mproc_process_free(server);
    mproc_process_free(done);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1);
}

CHILD_TEST(process, a_background_process_alone_does_not_hold_the_close)
{
    open_context(entries);
    mproc_process_free(start("sleep", NULL, &(struct mproc_process_options){.background = true}));
    uint64_t before_ns = mproc_clock_ns();
    CHECK(mproc_context_close(context, mproc_deadline_ms(30000)) == 0);
    CHECK(mproc_clock_ns() - before_ns < 5000000000u);
}

CHILD_TEST(process, a_stop_cancels_a_join_and_refuses_a_start_but_lets_stop_and_close_work)
{
    struct mproc_process *late = NULL;
    struct mproc_status status = {0};
    open_context(entries);
    for (int method = 0; method <= MPROC_START_FORK; method++) {
        struct mproc_stop *token = NULL;
        struct mproc_process *process =
            start("sleep", NULL, &(struct mproc_process_options){.method = (enum mproc_start_method)method});
        mproc_stop_new(NULL, &token);
        struct mproc_stop *before = mproc_stop_enter(token);
        mproc_stop_request(token, MPROC_STOP_WARM);
        CHECK(mproc_process_join(process, MPROC_FOREVER, NULL) == -ECANCELED);
        CHECK(mproc_process_start(context, "sleep", NULL, NULL, &late) == -ECANCELED);
        CHECK(mproc_process_stop(process, NULL, &status) == 0);
        CHECK(status.code == 7);
        mproc_process_free(process);
        mproc_stop_enter(before);
        mproc_stop_unref(token);
    }
    mproc_context_close(context, MPROC_NOW);
}

CHILD_TEST(process, in_a_fork_of_the_owner_the_context_is_refused)
{
    int status = 0;
    open_context(entries);
    struct mproc_process *process = start("sleep", NULL, NULL), *other = NULL;
    pid_t pid = fork();
    if (pid == 0)
        _exit(mproc_process_start(context, "sleep", NULL, NULL, &other) == -EPERM &&
                      mproc_process_join(process, MPROC_NOW, NULL) == -EPERM &&
                      mproc_process_kill(process) == -EPERM &&
                      mproc_context_close(context, MPROC_NOW) == -EPERM
                  ? 0
                  : 1);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK(mproc_process_alive(process));
    mproc_process_kill(process);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
}

CHILD_TEST(process, one_that_was_reaped_elsewhere_is_still_no_riddle)
{
    struct mproc_status status = {0};
    open_context(entries);
    struct mproc_process *process =
        start("sleep", NULL, &(struct mproc_process_options){.method = MPROC_START_FORK});
    mproc_process_kill(process);
    REQUIRE(waitpid(mproc_process_pid(process), NULL, 0) == mproc_process_pid(process));
    REQUIRE(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
    CHECK(status.end == MPROC_END_UNKNOWN || (status.end == MPROC_END_SIGNAL && status.signal == SIGKILL));
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
}
