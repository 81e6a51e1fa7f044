/* What a process has and sees when it starts. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mproc/process.h>

#include "starting.h"

TestSuite(process_set_up, .timeout = 60);

/* Writes its report to the descriptor it was given: what a child looks like from within. */
static int report_self(struct mproc_args *args)
{
    int fd = -1;
    struct rlimit limit;
    char cwd[256], link[256], null[8] = "";
    sigset_t mask;

    mproc_args_get_fd(args, 0, &fd);
    ssize_t len = readlink("/proc/self/fd/0", link, sizeof(link) - 1);
    if (len == 9 && memcmp(link, "/dev/null", 9) == 0)
        strcpy(null, "null");
    getrlimit(RLIMIT_NOFILE, &limit);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    dprintf(fd, "name=%s fds=%u stdin=%s cwd=%s files=%d nice=%d X=%s HOME=%s urg=%d usr1=%d",
            mproc_process_own_name(), child_count_fds(), null, getcwd(cwd, sizeof(cwd)), (int)limit.rlim_cur,
            getpriority(PRIO_PROCESS, 0), getenv("X") ? getenv("X") : "-", getenv("HOME") ? "set" : "-",
            sigismember(&mask, SIGURG), sigismember(&mask, SIGUSR1));
    return 0;
}

static int print_twice(struct mproc_args *args)
{
    (void)args;
    printf("to stdout\n");
    fprintf(stderr, "to stderr\n");
    return 0;
}

static int sum_bytes(struct mproc_args *args)
{
    const void *bytes = NULL;
    size_t len = 0, wrong = 0;
    if (mproc_args_get_bytes(args, 0, &bytes, &len))
        return 1;
    for (size_t i = 0; i < len; i++)
        wrong += ((const unsigned char *)bytes)[i] != (unsigned char)(i * 7);
    return len == 1000000 && wrong == 0 ? 0 : 2;
}

/* What its environment has, and where its standard descriptors lead. */
static int report_given(struct mproc_args *args)
{
    char link[256], path[32];
    int fd = -1;

    mproc_args_get_fd(args, 0, &fd);
    for (char **variable = environ; variable && *variable; variable++)
        dprintf(fd, "%s ", *variable);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
        ssize_t len = readlink(path, link, sizeof(link));
        dprintf(fd, "%d=%.*s ", i, len < 0 ? 0 : (int)len, link);
    }
    return 0;
}

static const struct mproc_entry entries[] = {
    {"report", report_self},
    {"given", report_given},
    {"print", print_twice},
    {"sum", sum_bytes},
    {NULL, NULL},
};

static void read_report(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
}

static void child_has_only_what_it_was_given(enum mproc_start_method method)
{
    static const char *const env[] = {"X=1=2", "HOME", NULL};
    const struct mproc_process_limit limits[] = {{RLIMIT_NOFILE, {20, 20}}};
    char text[512];
    int ends[2];
    int stray = open("/dev/zero", O_RDONLY); /* not even CLOEXEC */
    struct mproc_process_options options = {.name = "a reporter",
                                            .method = method,
                                            .cwd = "/usr",
                                            .env = env,
                                            .limits = limits,
                                            .nlimits = 1,
                                            .nice = 3};

    setenv("HOME", "/root", 1);
    open_context(entries);
    int stray_later = open("/dev/zero", O_RDONLY);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_process *process = start("report", with_fd(ends[1]), &options);
    close(ends[1]);
    read_report(ends[0], text, sizeof(text));
    char expected[200];
    snprintf(expected, sizeof(expected),
             "name=a reporter fds=5 stdin=null cwd=/usr files=20 nice=%d X=1=2 HOME=- urg=0 usr1=0",
             getpriority(PRIO_PROCESS, 0) + 3);
    CHECK_STR(text, expected);
    CHECK(join(process).code == 0);
    CHECK_STR(mproc_process_name(process), "a reporter");
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
    close(stray);
    close(stray_later);
}

CHILD_TEST(process_set_up, a_child_of_the_forkserver_has_only_what_it_was_given)
{
    child_has_only_what_it_was_given(MPROC_START_FORKSERVER);
}

CHILD_TEST(process_set_up, a_forked_child_has_only_what_it_was_given)
{
    child_has_only_what_it_was_given(MPROC_START_FORK);
}

CHILD_TEST(process_set_up, a_child_gets_the_mask_of_the_caller)
{
    sigset_t set;
    char text[512];
    int ends[2];
    open_context(entries);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_process *process = start("report", with_fd(ends[1]), NULL);
    close(ends[1]);
    read_report(ends[0], text, sizeof(text));
    CHECK(strstr(text, "usr1=1"));
    join(process);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
}

static void output_goes_where_told(enum mproc_start_method method)
{
    char text[100];
    int ends[2];
    open_context(entries);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_process_options options = {.method = method, .stdio = {0, ends[1], ends[1]}};
    struct mproc_process *process = start("print", NULL, &options);
    close(ends[1]);
    read_report(ends[0], text, sizeof(text));
    CHECK(strstr(text, "to stdout\n") && strstr(text, "to stderr\n"));
    CHECK(strlen(text) == 20);
    join(process);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
    close(ends[0]);
}

CHILD_TEST(process_set_up, output_goes_where_told_by_forkserver)
{
    output_goes_where_told(MPROC_START_FORKSERVER);
}

CHILD_TEST(process_set_up, output_goes_where_told_by_fork)
{
    output_goes_where_told(MPROC_START_FORK);
}

static void is_given(const struct mproc_process_options *options, const char *expected)
{
    char text[512];
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_process *process = start("given", with_fd(ends[1]), options);
    close(ends[1]);
    read_report(ends[0], text, sizeof(text));
    CHECK_STR(text, expected);
    CHECK(join(process).code == 0);
    mproc_process_free(process);
    close(ends[0]);
}

static void open_at(int fd, const char *path)
{
    int other = open(path, O_RDWR | O_CLOEXEC);

    REQUIRE(other >= 0 && dup2(other, fd) == fd);
    close(other);
}

CHILD_TEST(process_set_up, an_environment_can_begin_empty)
{
    static const char *const env[] = {"HOME=/", "NOT_THERE", "X=1", NULL};

    for (int fd = 0; fd < 3; fd++)
        open_at(fd, "/dev/null");
    setenv("HOME", "/root", 1);
    open_context(entries);
    for (int method = 0; method <= MPROC_START_FORK; method++) {
        struct mproc_process_options options = {.method = (enum mproc_start_method)method, .clear_env = true};
        is_given(&options, "0=/dev/null 1=/dev/null 2=/dev/null ");
        options.env = env;
        is_given(&options, "HOME=/ X=1 0=/dev/null 1=/dev/null 2=/dev/null ");
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_set_up, standard_descriptors_are_the_owners_or_null_as_asked)
{
    struct mproc_process *process = NULL;

    open_at(0, "/dev/zero");
    open_at(1, "/dev/full");
    open_at(2, "/dev/full");
    open_context(entries);
    for (int method = 0; method <= MPROC_START_FORK; method++) {
        struct mproc_process_options options = {.method = (enum mproc_start_method)method, .clear_env = true};
        is_given(&options, "0=/dev/null 1=/dev/full 2=/dev/full ");
        memcpy(options.stdio, (int[]){MPROC_STDIO_INHERIT, MPROC_STDIO_NULL, MPROC_STDIO_NULL},
               sizeof(int[3]));
        is_given(&options, "0=/dev/zero 1=/dev/null 2=/dev/null ");
        memcpy(options.stdio, (int[]){MPROC_STDIO_NULL, MPROC_STDIO_INHERIT, MPROC_STDIO_NULL},
               sizeof(int[3]));
        is_given(&options, "0=/dev/null 1=/dev/full 2=/dev/null ");
        options.stdio[2] = -3;
        CHECK(mproc_process_start(context, "given", NULL, &options, &process) == -EINVAL);
        CHECK(strstr(mproc_error_detail(), "stdio[2] is -3"));
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_set_up, arguments_larger_than_a_message_arrive)
{
    unsigned char *bytes = malloc(1000000);
    struct mproc_args *args = NULL;
    for (size_t i = 0; i < 1000000; i++)
        bytes[i] = (unsigned char)(i * 7);
    open_context(entries);
    mproc_args_new(&args);
    REQUIRE(mproc_args_add_bytes(args, bytes, 1000000) == 0);
    struct mproc_process *process = start("sum", args, NULL);
    CHECK(join(process).code == 0);
    mproc_process_free(process);
    mproc_context_close(context, MPROC_NOW);
    free(bytes);
}
