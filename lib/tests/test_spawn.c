/*
 * Start method spawn. A test program has no main() of its own, so a constructor opens the context where the
 * program is run anew: as early as anybody can.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include <mproc/event.h>
#include <mproc/queue.h>
#include <mproc/stop.h>

#include "starting.h"

static int number_in_memory = 1;
static bool is_spawned;

static int report(struct mproc_args *args)
{
    char text[200], cwd[100];
    const char *null = getenv("MPROC_TEST_UNSET") ? getenv("MPROC_TEST_UNSET") : "nothing";
    struct rlimit limit;
    int fd;

    getrlimit(RLIMIT_CORE, &limit);
    if (mproc_args_get_fd(args, 0, &fd))
        return 9;
    int len =
        snprintf(text, sizeof(text), "%d %s %s %s %d %s %s fds=%u", number_in_memory,
                 mproc_process_own_name(), getcwd(cwd, sizeof(cwd)), getenv("MPROC_TEST_SET"),
                 (int)limit.rlim_cur, null, getenv("MPROC_SPAWN") ? "still set" : "unset", child_count_fds());
    return write(fd, text, (size_t)len) == len ? 7 : 8;
}

static int put(struct mproc_args *args)
{
    struct mproc_queue *queue;
    const char *text;

    if (mproc_args_get_queue(args, 0, &queue) || mproc_args_get_string(args, 1, &text))
        return 1;
    return mproc_queue_put(queue, text, strlen(text), mproc_deadline_ms(5000)) ? 2 : 0;
}

static int sleep_until_asked(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER) == -ECANCELED ? 0 : 1;
}

static int grandchild(struct mproc_args *args)
{
    (void)args;
    return is_spawned && number_in_memory == 1 ? 5 : 6;
}

static int count_environment(struct mproc_args *args)
{
    int count = 0;

    (void)args;
    while (environ && environ[count])
        count++;
    return getenv("X") && strcmp(getenv("X"), "1") == 0 ? count : -1;
}

static const struct mproc_entry entries[];

/* A worker may have a context of its own. */
static int nest(struct mproc_args *args)
{
    (void)args;
    struct mproc_context *own;
    struct mproc_process *process;
    struct mproc_status status = {0};
    const struct mproc_process_options options = {.method = MPROC_START_SPAWN};

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &own) ||
        mproc_process_start(own, "grandchild", NULL, &options, &process) ||
        mproc_process_join(process, mproc_deadline_ms(20000), &status))
        return 1;
    mproc_process_free(process);
    return mproc_context_close(own, mproc_deadline_ms(5000)) ? 2 : status.result;
}

static const struct mproc_entry entries[] = {{"report", report},
                                             {"put", put},
                                             {"sleep_until_asked", sleep_until_asked},
                                             {"nest", nest},
                                             {"grandchild", grandchild},
                                             {"count", count_environment},
                                             {NULL, NULL}};
static const struct mproc_entry others[] = {{"other", report}, {NULL, NULL}};

__attribute__((constructor)) static void take_up(void)
{
    struct mproc_context *ignored;

    if (!getenv("MPROC_SPAWN"))
        return;
    is_spawned = true;
    if (getenv("MPROC_TEST_NEVER_OPEN"))
        _exit(3);
    mproc_context_open(
        &(struct mproc_context_options){.entries = getenv("MPROC_TEST_OTHERS") ? others : entries}, &ignored);
    _exit(4);
}

TestSuite(spawn, .timeout = 60);

static const struct mproc_process_options spawned = {.method = MPROC_START_SPAWN};

CHILD_TEST(spawn, begins_with_nothing_but_what_was_asked_for)
{
    const char *const env[] = {"MPROC_TEST_SET=here", "MPROC_TEST_UNSET", NULL};
    const struct mproc_process_limit limit = {RLIMIT_CORE, {0, 0}};
    const struct mproc_process_options options = {
        .method = MPROC_START_SPAWN, .name = "fresh", .cwd = "/", .env = env, .limits = &limit, .nlimits = 1};
    char text[300] = "";
    int ends[2];

    setenv("MPROC_TEST_UNSET", "something", 1);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    open_context(entries);
    number_in_memory = 2;
    struct mproc_process *process = start("report", with_fd(ends[1]), &options);
    struct mproc_status status = join(process);
    CHECK(status.returned && status.result == 7);
    CHECK(read(ends[0], text, sizeof(text) - 1) > 0);
    /* Its standard descriptors, the one of its arguments, and the one by which it knows its owner. */
    CHECK_STR(text, "1 fresh / here 0 nothing unset fds=5");
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_FOREVER) == 0);
}

CHILD_TEST(spawn, can_begin_with_an_empty_environment)
{
    const char *const env[] = {"X=1", NULL};
    const struct mproc_process_options options = {.method = MPROC_START_SPAWN, .clear_env = true, .env = env};

    open_context(entries);
    struct mproc_process *process = start("count", NULL, &options);
    CHECK(join(process).result == 1);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(spawn, handles_travel_and_large_arguments_do)
{
    struct mproc_queue *queue;
    struct mproc_args *args;
    char *text = malloc(300001);
    size_t len = 0;
    void *got;

    memset(text, 'x', 300000);
    text[300000] = '\0';
    open_context(entries);
    REQUIRE(mproc_queue_create(&(struct mproc_queue_options){.bytes = 1 << 20}, &queue) == 0);
    mproc_args_new(&args);
    mproc_args_add_queue(args, queue);
    mproc_args_add_string(args, text);
    struct mproc_process *process = start("put", args, &spawned);
    CHECK(join(process).result == 0);
    CHECK(mproc_queue_get(queue, MPROC_NOW, &got, &len) == 0);
    CHECK(len == 300000);
    free(got);
    free(text);
    mproc_queue_unref(queue);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_FOREVER) == 0);
}

CHILD_TEST(spawn, is_asked_stopped_and_killed_as_others)
{
    struct mproc_status status;

    open_context(entries);
    struct mproc_process *process = start("sleep_until_asked", NULL, &spawned);
    CHECK(mproc_process_alive(process));
    CHECK(mproc_process_ask(process) == 0);
    status = join(process);
    CHECK(status.returned && status.result == 0);
    mproc_process_free(process);
    process = start("sleep_until_asked", NULL, &spawned);
    CHECK(mproc_process_kill(process) == 0);
    CHECK(join(process).signal == SIGKILL);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_FOREVER) == 0);
}

CHILD_TEST(spawn, nests)
{
    open_context(entries);
    struct mproc_process *process = start("nest", NULL, &spawned);
    CHECK(join(process).result == 5);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_FOREVER) == 0);
}

CHILD_TEST(spawn, and_the_others_work_where_the_owner_has_closed_its_standard_descriptors)
{
    static const int results[] = {
        [MPROC_START_FORKSERVER] = 6, [MPROC_START_FORK] = 6, [MPROC_START_SPAWN] = 5};

    for (int fd = 0; fd < 3; fd++)
        close(fd);
    open_context(entries);
    for (int method = 0; method < MPROC_START__COUNT; method++) {
        struct mproc_process *process = start(
            "grandchild", NULL, &(struct mproc_process_options){.method = (enum mproc_start_method)method});
        CHECK(join(process).result == results[method]);
        mproc_process_free(process);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(spawn, dies_with_its_owner)
{
    int ends[2], lives[2];
    char letter;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && pipe2(lives, O_CLOEXEC) == 0);
    pid_t owner = fork();
    if (owner == 0) {
        struct mproc_args *args;
        open_context(entries);
        mproc_args_new(&args);
        mproc_args_add_fd(args, lives[1]);
        start("sleep_until_asked", args, &spawned);
        if (write(ends[1], "x", 1) == 1)
            raise(SIGKILL);
    }
    close(lives[1]);
    CHECK(read(ends[0], &letter, 1) == 1);
    CHECK(read(lives[0], &letter, 1) == 0); /* when nobody has the other end any more */
    waitpid(owner, NULL, 0);
}

CHILD_TEST(spawn, what_cannot_be_is_said)
{
    const char *const never[] = {"MPROC_TEST_NEVER_OPEN=1", NULL};
    const char *const other[] = {"MPROC_TEST_OTHERS=1", NULL};
    struct mproc_process_options options = spawned;
    struct mproc_process *process = NULL;

    open_context(entries);
    options.env = never;
    CHECK(mproc_process_start(context, "report", NULL, &options, &process) == -ECHILD);
    options.env = other;
    CHECK(mproc_process_start(context, "report", NULL, &options, &process) == -EINVAL);
    CHECK(strstr(mproc_error_detail(), "no entry 'report'") != NULL);
    options = spawned;
    options.cwd = "/nowhere/at/all";
    CHECK(mproc_process_start(context, "report", NULL, &options, &process) == -ENOENT);
    CHECK(process == NULL);
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_context_close(context, MPROC_FOREVER) == 0);

    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, RLIM_INFINITY});
    open_context(entries);
    CHECK(mproc_process_start(context, "report", NULL, &spawned, &process) == -ENOTSUP);
    process = start("grandchild", NULL, NULL);
    CHECK(join(process).result == 6); /* forked by the guard all the same */
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_FOREVER) == 0);
}

CHILD_TEST(spawn, a_variable_that_is_not_meant_for_it_is_nothing)
{
    setenv("MPROC_SPAWN", "0 1", 1);
    open_context(entries);
    CHECK(getenv("MPROC_SPAWN") == NULL);
    char value[40];
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    snprintf(value, sizeof(value), "0 %d", (int)getpid());
    setenv("MPROC_SPAWN", value, 1);
    open_context(entries);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}
