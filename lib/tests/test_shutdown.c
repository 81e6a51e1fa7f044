#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shutdown.h>

#include "child.h"

TestSuite(shutdown, .timeout = 40);

static _Atomic int heard[3];

static void hear(int signo, const siginfo_t *info, void *arg)
{
    (void)signo;
    (void)info;
    ++*(_Atomic int *)arg;
}

static void old_handler(int signo)
{
    (void)signo;
    heard[2]++;
}

CHILD_TEST(shutdown, subscribers_and_the_old_handler_all_hear)
{
    struct mproc_subscription *first = NULL, *second = NULL;
    struct sigaction now;
    signal(SIGUSR1, old_handler);
    CHECK(mproc_signal_subscribe(SIGUSR1, hear, &heard[0], &first) == 0);
    CHECK(mproc_signal_subscribe(SIGUSR1, hear, &heard[1], &second) == 0);
    raise(SIGUSR1);
    CHECK(heard[0] == 1 && heard[1] == 1 && heard[2] == 1);
    mproc_signal_unsubscribe(first);
    raise(SIGUSR1);
    CHECK(heard[0] == 1 && heard[1] == 2 && heard[2] == 2);
    mproc_signal_unsubscribe(second);
    sigaction(SIGUSR1, NULL, &now);
    CHECK(now.sa_handler == old_handler);
    CHECK(mproc_signal_subscribe(SIGKILL, hear, NULL, &first) == -EINVAL);
    CHECK(mproc_signal_subscribe(0, hear, NULL, &first) == -EINVAL);
    mproc_signal_unsubscribe(NULL);
}

static struct mproc_subscription *mine;
static int refused;

static void change_subscriptions(int signo, const siginfo_t *info, void *arg)
{
    struct mproc_subscription *another = NULL;

    hear(signo, info, arg);
    refused = mproc_signal_subscribe(SIGUSR2, hear, arg, &another);
    mproc_signal_unsubscribe(mine);
}

CHILD_TEST(shutdown, subscriptions_stay_as_they_are_in_a_handler)
{
    CHECK(mproc_signal_subscribe(SIGUSR1, change_subscriptions, &heard[0], &mine) == 0);
    raise(SIGUSR1);
    CHECK(refused == -EDEADLK && strstr(mproc_error_detail(), "set a flag"));
    raise(SIGUSR1);
    CHECK(heard[0] == 2);
    mproc_signal_unsubscribe(mine);
    CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
}

CHILD_TEST(shutdown, warm_first_and_cold_second)
{
    CHECK(mproc_shutdown_install(NULL, 0) == 0);
    CHECK(mproc_shutdown_install(NULL, 0) == -EBUSY);
    CHECK(mproc_shutdown_signal() == 0);
    raise(SIGTERM);
    CHECK(mproc_stop_level(NULL) == MPROC_STOP_WARM);
    CHECK(mproc_shutdown_signal() == SIGTERM);
    CHECK(mproc_stop_sleep(MPROC_FOREVER) == -ECANCELED);
    raise(SIGINT);
    CHECK(mproc_stop_level(NULL) == MPROC_STOP_COLD);
    CHECK(mproc_shutdown_signal() == SIGTERM);
    raise(SIGINT);
    mproc_shutdown_remove();
}

/* Writes a letter for each thing that happens to it: r ready, a asked, t terminated. */
static _Atomic int report_fd;

static void on_terminate(int signo)
{
    (void)signo;
    if (write(report_fd, "t", 1) != 1)
        _exit(1);
}

static int tell_all(struct mproc_args *args)
{
    int fd = -1;
    mproc_args_get_fd(args, 0, &fd);
    report_fd = fd;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_terminate}, NULL);
    if (write(fd, "r", 1) != 1)
        return 1;
    mproc_stop_wait(NULL, MPROC_FOREVER);
    if (write(fd, "a", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static int wait_for_stop(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER) == -ECANCELED ? 7 : 1;
}

/* How far this process is stopped once there is something to read. */
static int level_when_told(int fd)
{
    char byte;
    while (read(fd, &byte, 1) < 0 && errno == EINTR)
        ;
    return (int)mproc_stop_level(NULL);
}

static int tell_level(struct mproc_args *args)
{
    int fd = -1;
    mproc_args_get_fd(args, 0, &fd);
    return 10 + level_when_told(fd);
}

/* Forks, and lets SIGTERM stop the fork. Returns what is wrong, or 0. */
static int stop_a_fork(void)
{
    int ready[2], status = -1;
    char byte;
    if (pipe2(ready, O_CLOEXEC))
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (write(ready[1], "r", 1) != 1 || mproc_stop_sleep(mproc_deadline_ms(10000)) != -ECANCELED)
            _exit(1);
        _exit(mproc_stop_level(mproc_stop_process()) == MPROC_STOP_WARM ? 0 : 2);
    }
    if (read(ready[0], &byte, 1) != 1 || kill(pid, SIGTERM) || waitpid(pid, &status, 0) != pid)
        return 2;
    close(ready[0]);
    close(ready[1]);
    return status ? 3 : 0;
}

static int stop_a_fork_of_a_worker(struct mproc_args *args)
{
    int ends[2], status = -1;
    (void)args;
    if (mproc_shutdown_install(NULL, 0) || pipe2(ends, O_CLOEXEC))
        return 1;
    int wrong = stop_a_fork();
    if (wrong || mproc_stop_level(NULL) != MPROC_RUNNING)
        return wrong ? 10 + wrong : 2;
    /* And the other way round. */
    pid_t pid = fork();
    if (pid == 0)
        _exit(level_when_told(ends[0]));
    mproc_stop_request(mproc_stop_process(), MPROC_STOP_WARM);
    if (write(ends[1], "t", 1) != 1 || waitpid(pid, &status, 0) != pid || status)
        return 3;
    /* One that is forked now begins as it is. */
    pid = fork();
    if (pid == 0)
        _exit(10 + (int)mproc_stop_level(NULL));
    return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 10 + MPROC_STOP_WARM ? 7 : 4;
}

static const struct mproc_entry entries[] = {{"tell", tell_all},
                                             {"wait", wait_for_stop},
                                             {"level", tell_level},
                                             {"fork", stop_a_fork_of_a_worker},
                                             {NULL, NULL}};

static char next_letter(int fd, int timeout_ms)
{
    char letter = 0;
    struct pollfd item = {.fd = fd, .events = POLLIN};
    if (poll(&item, 1, timeout_ms) == 1 && read(fd, &letter, 1) != 1)
        letter = 0;
    return letter;
}

CHILD_TEST(shutdown, each_level_is_passed_on_to_children_once)
{
    struct mproc_context *context = NULL;
    struct mproc_process *process = NULL;
    struct mproc_args *args = NULL;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    REQUIRE(mproc_shutdown_install(NULL, 0) == 0);
    mproc_args_new(&args);
    mproc_args_add_fd(args, ends[1]);
    REQUIRE(mproc_process_start(context, "tell", args, NULL, &process) == 0);
    mproc_args_free(args);
    CHECK(next_letter(ends[0], 10000) == 'r');
    raise(SIGINT);
    CHECK(next_letter(ends[0], 10000) == 'a');
    CHECK(next_letter(ends[0], 50) == 0);
    raise(SIGINT);
    CHECK(next_letter(ends[0], 10000) == 't');
    raise(SIGINT);
    CHECK(next_letter(ends[0], 50) == 0);
    mproc_shutdown_remove();
    CHECK(mproc_context_close(context, MPROC_NOW) == -ETIMEDOUT);
    mproc_process_free(process);
}

CHILD_TEST(shutdown, a_fork_of_the_owner_stops_only_itself)
{
    struct mproc_context *context = NULL;
    struct mproc_process *process = NULL;
    struct mproc_status status = {0};
    struct mproc_args *args = NULL;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    REQUIRE(mproc_shutdown_install(NULL, 0) == 0);
    mproc_args_new(&args);
    mproc_args_add_fd(args, ends[0]);
    REQUIRE(mproc_process_start(context, "level", args, NULL, &process) == 0);
    mproc_args_free(args);
    CHECK(stop_a_fork() == 0);
    CHECK(mproc_stop_level(NULL) == MPROC_RUNNING);
    CHECK(write(ends[1], "t", 1) == 1);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
    CHECK(status.end == MPROC_END_EXIT && status.code == 10 + MPROC_RUNNING);
    CHECK(status.step == MPROC_STEP_NONE);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(shutdown, a_fork_of_a_worker_stops_only_itself)
{
    static const enum mproc_start_method methods[] = {MPROC_START_FORKSERVER, MPROC_START_FORK};
    struct mproc_context *context = NULL;
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    for (int i = 0; i < 2; i++) {
        const struct mproc_process_options options = {.method = methods[i]};
        struct mproc_process *process = NULL;
        struct mproc_status status = {0};
        REQUIRE(mproc_process_start(context, "fork", NULL, &options, &process) == 0);
        CHECK(mproc_process_join(process, mproc_deadline_ms(20000), &status) == 0);
        if (!CHECK(status.end == MPROC_END_EXIT && status.code == 7))
            dprintf(child_report, "its code is %d\n", status.code);
        mproc_process_free(process);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(shutdown, a_request_does_what_a_signal_would)
{
    struct mproc_context *context = NULL;
    struct mproc_process *process = NULL;
    struct mproc_args *args = NULL;
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    mproc_args_new(&args);
    mproc_args_add_fd(args, ends[1]);
    REQUIRE(mproc_process_start(context, "tell", args, NULL, &process) == 0);
    mproc_args_free(args);
    CHECK(next_letter(ends[0], 10000) == 'r');
    mproc_shutdown_request(MPROC_RUNNING);
    CHECK(mproc_stop_level(NULL) == MPROC_RUNNING && next_letter(ends[0], 50) == 0);
    mproc_shutdown_request(MPROC_STOP_WARM);
    CHECK(mproc_stop_level(NULL) == MPROC_STOP_WARM && next_letter(ends[0], 10000) == 'a');
    mproc_shutdown_request(MPROC_STOP_COLD);
    CHECK(mproc_stop_level(NULL) == MPROC_STOP_COLD && next_letter(ends[0], 10000) == 't');
    mproc_shutdown_request(MPROC_STOP_WARM); /* a level never falls, and nobody hears of it twice */
    CHECK(mproc_stop_level(NULL) == MPROC_STOP_COLD && next_letter(ends[0], 50) == 0);
    CHECK(mproc_shutdown_signal() == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == -ETIMEDOUT);
    mproc_process_free(process);
}

/* Signals come all the time while processes are created: none is lost, none hits a half-made child, each
 * child is asked. */
CHILD_TEST(shutdown, signals_during_creation_reach_every_child)
{
    enum { ROUNDS = 16, MOST = 200 };
    struct mproc_process *processes[MOST];
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pid = fork();
        int status = -1;
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            struct mproc_context *context = NULL;
            int n = 0, r = 0;
            REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
            REQUIRE(mproc_shutdown_install(NULL, 0) == 0);
            enum mproc_start_method method = round % 2 ? MPROC_START_FORK : MPROC_START_FORKSERVER;
            pid_t self = getpid(), sender = fork();
            if (sender == 0) {
                poll(NULL, 0, round % 8);
                kill(self, SIGTERM);
                _exit(0);
            }
            while (n < MOST && r == 0) {
                r = mproc_process_start(context, "wait", NULL,
                                        &(struct mproc_process_options){.method = method}, &processes[n]);
                n += r == 0;
            }
            CHECK(r == -ECANCELED || n == MOST);
            waitpid(sender, NULL, 0);
            mproc_stop_wait(mproc_stop_process(), mproc_deadline_ms(5000));
            /* Closing kills who was not asked, and says so. */
            CHECK(mproc_context_close(context, mproc_deadline_ms(8000)) == 0);
            for (int i = 0; i < n; i++) {
                struct mproc_status end = {0};
                CHECK(mproc_process_join(processes[i], MPROC_NOW, &end) == 0);
                if (!CHECK(end.end == MPROC_END_EXIT && end.code == 7))
                    dprintf(child_report, "child %d of %d: signal %d code %d\n", i, n, end.signal, end.code);
                mproc_process_free(processes[i]);
            }
            _exit(child_failures ? 1 : 0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        REQUIRE(status == 0);
    }
}
