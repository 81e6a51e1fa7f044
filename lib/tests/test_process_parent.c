/* Who a process learns that its owner is. A constructor opens the context where this program is run anew. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include <mproc/error.h>

#include "starting.h"

TestSuite(process_parent, .timeout = 60);

static const struct mproc_entry entries[];

enum { WAIT_MS = 20000 };

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};

    return poll(&item, 1, timeout_ms) == 1;
}

/* Its owner is to have this pid and this name, and gets SIGUSR1 by the sentinel. Returns 0 if all is so. */
static int meet(struct mproc_args *args)
{
    struct mproc_parent parent = {.sentinel = -1};
    const char *name = "";
    int64_t pid = 0;

    if (mproc_args_get_int(args, 0, &pid) || mproc_args_get_string(args, 1, &name))
        return 1;
    if (mproc_process_parent(&parent))
        return 2;
    if (parent.pid != pid || strcmp(parent.name, name) != 0)
        return 3;
    if (fcntl(parent.sentinel, F_GETFD) != FD_CLOEXEC || is_readable(parent.sentinel, 0))
        return 4;
    /* Nothing is left of the name of its owner, which was longer. */
    if (strcmp(mproc_process_own_name(), "meet") != 0)
        return 6;
    return pidfd_send_signal(parent.sentinel, SIGUSR1, NULL, 0) ? 5 : 0;
}

static struct mproc_args *expectation(void)
{
    struct mproc_args *args = NULL;

    mproc_args_new(&args);
    mproc_args_add_int(args, getpid());
    mproc_args_add_string(args, mproc_process_own_name());
    return args;
}

static void hold_usr1(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Starts one that is to know this process, and sees that the signal was its. Returns 0 if all is so. */
static int be_met(enum mproc_start_method method)
{
    const struct timespec now = {0};
    struct mproc_args *args = expectation();
    struct mproc_process *process;
    struct mproc_status status = {0};
    siginfo_t info;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    int r = mproc_process_start(context, "meet", args, &(struct mproc_process_options){.method = method},
                                &process);
    mproc_args_free(args);
    if (r || mproc_process_join(process, mproc_deadline_ms(WAIT_MS), &status))
        return 10;
    bool is_its = sigtimedwait(&set, &info, &now) == SIGUSR1 && info.si_pid == mproc_process_pid(process);
    mproc_process_free(process);
    return status.result ? status.result : is_its ? 0 : 11;
}

/* An owner that is a worker itself, with a name that is longer than that of its worker. */
static int nest(struct mproc_args *args)
{
    int r = 0;

    (void)args;
    hold_usr1();
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context))
        return 20;
    for (int method = 0; method < MPROC_START__COUNT && r == 0; method++)
        r = be_met((enum mproc_start_method)method);
    return mproc_context_close(context, MPROC_NOW) ? 21 : r;
}

static int fork_and_ask(struct mproc_args *args)
{
    struct mproc_parent parent = {.pid = 7};
    int status = -1;
    pid_t pid = fork();

    (void)args;
    if (pid == 0)
        _exit(mproc_process_parent(&parent) == -ECHILD && strstr(mproc_error_detail(), "a fork of process") &&
                      parent.pid == 7
                  ? 0
                  : 1);
    return waitpid(pid, &status, 0) == pid && status == 0 && mproc_process_parent(&parent) == 0 ? 0 : 1;
}

/* Writes r when it begins, and e when its owner has ended. */
static int watch(struct mproc_args *args)
{
    struct mproc_parent parent;
    int fd;

    if (mproc_args_get_fd(args, 0, &fd) || mproc_process_parent(&parent) || write(fd, "r", 1) != 1)
        return 1;
    if (is_readable(parent.sentinel, WAIT_MS) && write(fd, "e", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static const struct mproc_entry entries[] = {
    {"meet", meet}, {"nest", nest}, {"fork", fork_and_ask}, {"watch", watch}, {NULL, NULL}};

__attribute__((constructor)) static void take_up(void)
{
    if (!getenv("MPROC_SPAWN"))
        return;
    mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    _exit(4);
}

static int result_of(const char *entry, enum mproc_start_method method)
{
    struct mproc_process *process =
        start(entry, NULL, &(struct mproc_process_options){.method = method, .name = "a rather long name"});
    int result = join(process).result;

    mproc_process_free(process);
    return result;
}

CHILD_TEST(process_parent, is_the_owner_and_not_the_guard)
{
    hold_usr1();
    open_context(entries);
    for (int method = 0; method < MPROC_START__COUNT; method++)
        CHECK(be_met((enum mproc_start_method)method) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_parent, is_the_worker_that_opened_the_context)
{
    open_context(entries);
    for (int method = 0; method < MPROC_START__COUNT; method++)
        CHECK(result_of("nest", (enum mproc_start_method)method) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_parent, is_there_only_where_the_library_has_started_a_process)
{
    struct mproc_parent parent = {.pid = 7};

    CHECK(mproc_process_parent(&parent) == -ECHILD &&
          strstr(mproc_error_detail(), "not one that this library"));
    open_context(entries);
    CHECK(mproc_process_parent(&parent) == -ECHILD && parent.pid == 7);
    for (int method = 0; method < MPROC_START__COUNT; method++)
        CHECK(result_of("fork", (enum mproc_start_method)method) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static void own(enum mproc_start_method method, int report, int letters)
{
    struct mproc_context_info info;

    open_context(entries);
    start("watch", with_fd(letters), &(struct mproc_process_options){.method = method});
    REQUIRE(mproc_context_get_info(context, &info) == 0);
    REQUIRE(write(report, &info, sizeof(info)) == sizeof(info));
    for (;;)
        pause();
}

/* Guard and keeper are stopped, so that the worker outlives its owner for long enough to say so. */
static void ends_with_the_owner(enum mproc_start_method method)
{
    struct mproc_context_info info;
    int report[2], letters[2];
    char letter = 0;

    REQUIRE(pipe2(report, O_CLOEXEC) == 0 && pipe2(letters, O_CLOEXEC) == 0);
    pid_t owner = fork();
    if (owner == 0)
        own(method, report[1], letters[1]);
    close(letters[1]);
    REQUIRE(read(report[0], &info, sizeof(info)) == sizeof(info));
    const int watchers[] = {pidfd_open(info.guard_pid, 0), pidfd_open(info.keeper_pid, 0)};
    CHECK(read(letters[0], &letter, 1) == 1 && letter == 'r');
    for (int i = 0; i < 2; i++)
        REQUIRE(pidfd_send_signal(watchers[i], SIGSTOP, NULL, 0) == 0);
    CHECK(!is_readable(letters[0], 0));
    kill(owner, SIGKILL);
    CHECK(read(letters[0], &letter, 1) == 1 && letter == 'e');
    for (int i = 0; i < 2; i++)
        pidfd_send_signal(watchers[i], SIGCONT, NULL, 0);
    CHECK(read(letters[0], &letter, 1) == 0); /* nobody is left */
    CHECK(waitpid(owner, NULL, 0) == owner);
}

CHILD_TEST(process_parent, shows_its_end)
{
    ends_with_the_owner(MPROC_START_FORKSERVER);
    ends_with_the_owner(MPROC_START_SPAWN);
}
