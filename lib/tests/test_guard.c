#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/stop.h>

#include "child.h"

TestSuite(guard, .timeout = 60);

/* The promise is 100 ms on a machine that has a moment; this one may be running other tests on all its
 * processors. */
enum { END_MS = 1000 };

static int hold_on(struct mproc_args *args);
static int nest(struct mproc_args *args);
static int fork_away(struct mproc_args *args);
static int count_run(struct mproc_args *args);

static const struct mproc_entry entries[] = {
    {"hold", hold_on}, {"nest", nest}, {"fork", fork_away}, {"count", count_run}, {NULL, NULL}};

static struct mproc_context *open_context(void)
{
    struct mproc_context *context = NULL;
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    return context;
}

static int start(struct mproc_context *context, const char *entry, int fd, enum mproc_start_method method,
                 struct mproc_process **ret_process)
{
    struct mproc_args *args = NULL;
    mproc_args_new(&args);
    mproc_args_add_fd(args, fd);
    int r = mproc_process_start(context, entry, args, &(struct mproc_process_options){.method = method},
                                ret_process);
    mproc_args_free(args);
    return r;
}

/* Tells that it is there and never ends. */
static _Noreturn void stay(int fd)
{
    if (write(fd, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static int hold_on(struct mproc_args *args)
{
    int fd = -1;
    mproc_args_get_fd(args, 0, &fd);
    stay(fd);
}

/* Three generations below: a worker of its own context, and two plain forks, one of which left session and
 * group. */
static int nest(struct mproc_args *args)
{
    struct mproc_process *process = NULL;
    int fd = -1;
    mproc_args_get_fd(args, 0, &fd);
    struct mproc_context *context = NULL;
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        start(context, "fork", fd, MPROC_START_FORKSERVER, &process))
        return 1;
    stay(fd);
}

static int fork_away(struct mproc_args *args)
{
    int fd = -1;
    mproc_args_get_fd(args, 0, &fd);
    if (fork() == 0)
        stay(fd);
    if (fork() == 0) {
        setsid();
        if (fork() == 0)
            stay(fd);
        stay(fd);
    }
    stay(fd);
}

/* Marks its number in shared memory; two marks would mean that it ran twice. */
static unsigned char *runs;

static int count_run(struct mproc_args *args)
{
    int64_t number = 0;
    mproc_args_get_int(args, 0, &number);
    __atomic_fetch_add(&runs[number], 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void expect_voices(int fd, int count)
{
    char byte;
    for (int i = 0; i < count; i++) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&item, 1, 20000) == 1);
        REQUIRE(read(fd, &byte, 1) == 1);
    }
}

/* As a subreaper of whatever the killed process leaves: returns milliseconds until nobody was left. */
static uint64_t ms_until_nobody_is_left(uint64_t since_ns)
{
    uint64_t deadline_ns = mproc_deadline_ms(20000);
    while (waitpid(-1, NULL, WNOHANG) >= 0) {
        REQUIRE(mproc_clock_ns() < deadline_ns);
        sched_yield();
    }
    return (mproc_clock_ns() - since_ns) / 1000000;
}

static pid_t guard_of(struct mproc_context *context)
{
    struct mproc_context_info info = {0};
    CHECK(mproc_context_get_info(context, &info) == 0);
    return info.guard_pid;
}

static pid_t keeper_of(struct mproc_context *context)
{
    struct mproc_context_info info = {0};
    CHECK(mproc_context_get_info(context, &info) == 0);
    return info.keeper_pid;
}

static uint32_t restarts_of(struct mproc_context *context)
{
    struct mproc_context_info info = {0};
    CHECK(mproc_context_get_info(context, &info) == 0);
    return info.restarts;
}

static void kill_root_of(const char *entry, enum mproc_start_method method, int voices, bool stop_guard)
{
    int ends[2], told[2];
    pid_t guard = 0;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(pipe2(told, O_CLOEXEC) == 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t root = fork();
    if (root == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct mproc_process *process = NULL;
        struct mproc_context *context = open_context();
        guard = guard_of(context);
        if (write(told[1], &guard, sizeof(guard)) < 0 || start(context, entry, ends[1], method, &process))
            _exit(1);
        for (;;)
            pause();
    }
    REQUIRE(read(told[0], &guard, sizeof(guard)) == sizeof(guard));
    expect_voices(ends[0], voices);
    if (stop_guard)
        kill(guard, SIGSTOP);
    uint64_t since_ns = mproc_clock_ns();
    kill(root, SIGKILL);
    uint64_t ms = ms_until_nobody_is_left(since_ns);
    if (!CHECK(ms <= (stop_guard ? 2 * END_MS : END_MS)))
        dprintf(child_report, "it took %llu ms\n", (unsigned long long)ms);
}

CHILD_TEST(guard, nobody_outlives_a_killed_root_of_three_levels)
{
    kill_root_of("nest", MPROC_START_FORKSERVER, 5, false);
}

CHILD_TEST(guard, nobody_outlives_a_killed_root_that_forked)
{
    kill_root_of("nest", MPROC_START_FORK, 5, false);
}

CHILD_TEST(guard, a_stopped_guard_does_not_save_the_workers)
{
    kill_root_of("hold", MPROC_START_FORKSERVER, 1, true);
}

/* Root and guard die in the same moment: what the keeper does alone. */
CHILD_TEST(guard, nobody_outlives_a_double_kill)
{
    int ends[2], told[2];
    pid_t guard = 0;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(pipe2(told, O_CLOEXEC) == 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t root = fork();
    if (root == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct mproc_process *process = NULL;
        struct mproc_context *context = open_context();
        guard = guard_of(context);
        if (write(told[1], &guard, sizeof(guard)) < 0 ||
            start(context, "fork", ends[1], MPROC_START_FORKSERVER, &process))
            _exit(1);
        for (;;)
            pause();
    }
    REQUIRE(read(told[0], &guard, sizeof(guard)) == sizeof(guard));
    expect_voices(ends[0], 4);
    uint64_t since_ns = mproc_clock_ns();
    kill(guard, SIGKILL);
    kill(root, SIGKILL);
    CHECK(ms_until_nobody_is_left(since_ns) <= END_MS);
}

static void kill_one_and_go_on(pid_t (*victim)(struct mproc_context *))
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    unsigned fds = child_count_fds();
    for (unsigned round = 0; round < 5; round++) {
        struct mproc_process *process = NULL, *later = NULL;
        struct mproc_status status = {0};
        pid_t before = victim(context);
        REQUIRE(start(context, "fork", ends[1], MPROC_START_FORKSERVER, &process) == 0);
        expect_voices(ends[0], 4);
        kill(before, SIGKILL);
        REQUIRE(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
        CHECK(status.end == MPROC_END_SIGNAL && status.signal == SIGKILL);
        CHECK(status.guard_died);
        REQUIRE(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &later) == 0);
        expect_voices(ends[0], 1);
        CHECK(victim(context) != before);
        CHECK(restarts_of(context) == round + 1);
        CHECK(mproc_process_stop(later, &(struct mproc_stop_steps){.kill_ms = 10000}, &status) == 0);
        CHECK(!status.guard_died);
        mproc_process_free(process);
        mproc_process_free(later);
        CHECK(child_count_fds() == fds);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

CHILD_TEST(guard, a_killed_guard_takes_its_workers_along_and_is_replaced)
{
    kill_one_and_go_on(guard_of);
}

CHILD_TEST(guard, a_killed_keeper_is_replaced_by_the_guard)
{
    kill_one_and_go_on(keeper_of);
}

/* What a service manager does that ends a service: it asks all of its processes. What they do about it is the
 * root's matter, and it needs its guard for that. */
CHILD_TEST(guard, who_asks_all_to_end_does_not_end_guard_and_keeper)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM};
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    pid_t guard = guard_of(context), keeper = keeper_of(context);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct mproc_process *process = NULL;
        struct mproc_status status = {0};
        REQUIRE(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &process) == 0);
        expect_voices(ends[0], 1);
        kill(guard, signals[i]);
        kill(keeper, signals[i]);
        kill(mproc_process_pid(process), SIGTERM);
        REQUIRE(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
        CHECK(status.end == MPROC_END_SIGNAL && status.signal == SIGTERM);
        CHECK(!status.guard_died);
        mproc_process_free(process);
    }
    CHECK(guard_of(context) == guard && keeper_of(context) == keeper && restarts_of(context) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

CHILD_TEST(guard, a_join_wakes_by_itself_when_the_guard_dies)
{
    struct mproc_process *process = NULL;
    struct mproc_status status = {0};
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    pid_t guard = guard_of(context);
    REQUIRE(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &process) == 0);
    expect_voices(ends[0], 1);
    pid_t killer = fork();
    if (killer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        poll(NULL, 0, 50); /* lets the join begin; it has to work either way */
        kill(guard, SIGKILL);
        _exit(0);
    }
    CHECK(mproc_process_join(process, MPROC_FOREVER, &status) == 0);
    CHECK(status.guard_died && status.signal == SIGKILL);
    waitpid(killer, NULL, 0);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(guard, a_forked_worker_dies_with_the_guard_too_and_is_known)
{
    struct mproc_process *process = NULL;
    struct mproc_status status = {0};
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    REQUIRE(start(context, "hold", ends[1], MPROC_START_FORK, &process) == 0);
    expect_voices(ends[0], 1);
    kill(guard_of(context), SIGKILL);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
    CHECK(status.end == MPROC_END_SIGNAL && status.signal == SIGKILL);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void *idle(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 0 ? NULL : arg;
}

static void kill_guard_and_keeper(struct mproc_context *context)
{
    pid_t guard = guard_of(context), keeper = keeper_of(context);
    int pidfds[] = {pidfd_open(guard, 0), pidfd_open(keeper, 0)};
    kill(guard, SIGSTOP); /* so that it cannot take the place of the other */
    kill(keeper, SIGKILL);
    kill(guard, SIGKILL);
    for (int i = 0; i < 2; i++) {
        poll(&(struct pollfd){.fd = pidfds[i], .events = POLLIN}, 1, 10000);
        close(pidfds[i]);
    }
}

CHILD_TEST(guard, without_guard_and_keeper_a_process_with_threads_is_told_so_and_one_without_helps_itself)
{
    struct mproc_process *process = NULL, *lost = NULL;
    struct mproc_status status = {0};
    pthread_t thread;
    int ends[2], held[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(pipe2(held, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    REQUIRE(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &lost) == 0);
    expect_voices(ends[0], 1);
    pthread_create(&thread, NULL, idle, &held[0]);
    kill_guard_and_keeper(context);
    CHECK(mproc_process_join(lost, mproc_deadline_ms(10000), &status) == 0);
    CHECK(status.guard_died && status.signal == SIGKILL);
    CHECK(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &process) == -EOWNERDEAD);
    CHECK(strstr(mproc_error_detail(), "threads"));
    close(held[1]);
    pthread_join(thread, NULL);
    CHECK(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &process) == 0);
    expect_voices(ends[0], 1);
    mproc_process_kill(process);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
    CHECK(!status.guard_died);
    mproc_process_free(process);
    mproc_process_free(lost);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static int order_run(struct mproc_context *context, int number, uint64_t deadline_ns,
                     struct mproc_process **ret_process)
{
    struct mproc_args *args = NULL;
    mproc_args_new(&args);
    mproc_args_add_int(args, number);
    int r = mproc_process_start(context, "count", args,
                                &(struct mproc_process_options){.deadline_ns = deadline_ns}, ret_process);
    mproc_args_free(args);
    return r;
}

static void map_runs(void)
{
    runs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(runs != MAP_FAILED);
}

CHILD_TEST(guard, a_start_that_timed_out_never_happens)
{
    struct mproc_process *process = NULL;
    map_runs();
    struct mproc_context *context = open_context();
    pid_t guard = guard_of(context);
    kill(guard, SIGSTOP);
    CHECK(order_run(context, 1, mproc_deadline_ms(50), &process) == -ETIMEDOUT);
    CHECK(strstr(mproc_error_detail(), "is it stopped?"));
    kill(guard, SIGCONT);
    CHECK(order_run(context, 2, 0, &process) == 0);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), NULL) == 0);
    CHECK(runs[1] == 0);
    CHECK(runs[2] == 1);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* More than the channel to a stopped guard takes. */
CHILD_TEST(guard, starts_at_a_stopped_guard_have_their_deadline_however_many_and_large)
{
    enum { STARTS = 20, BYTES = 60000 };
    static char bytes[BYTES];
    struct mproc_process *process = NULL;
    struct mproc_args *args = NULL;
    map_runs();
    struct mproc_context *context = open_context();
    pid_t guard = guard_of(context);
    mproc_args_new(&args);
    mproc_args_add_int(args, 1);
    mproc_args_add_bytes(args, bytes, BYTES);
    kill(guard, SIGSTOP);
    for (int i = 0; i < STARTS; i++) {
        const struct mproc_process_options options = {.deadline_ns = mproc_deadline_ms(10)};
        CHECK(mproc_process_start(context, "count", args, &options, &process) == -ETIMEDOUT);
        CHECK(strstr(mproc_error_detail(), "is it stopped?"));
    }
    kill(guard, SIGCONT);
    CHECK(mproc_process_start(context, "count", args, NULL, &process) == 0);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), NULL) == 0);
    CHECK(runs[1] == 1);
    mproc_args_free(args);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* The end of a process that cannot be recorded. Nobody's deadline waits for the record, and it is the guard
 * that is named. */
CHILD_TEST(guard, while_it_is_stopped_joins_of_the_dead_keep_their_deadline)
{
    const struct mproc_stop_steps steps = {.ask_ms = 1, .terminate_ms = 1, .kill_ms = 1};
    struct mproc_process *process = NULL;
    struct mproc_status status = {0};
    uint64_t took_ns = UINT64_MAX;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    pid_t guard = guard_of(context);
    REQUIRE(start(context, "hold", ends[1], MPROC_START_FORKSERVER, &process) == 0);
    expect_voices(ends[0], 1);
    kill(guard, SIGSTOP);
    child_await_stopped(guard);
    REQUIRE(mproc_process_signal(process, SIGKILL) == 0);
    struct pollfd sentinel = {.fd = mproc_process_sentinel(process), .events = POLLIN};
    REQUIRE(poll(&sentinel, 1, 10000) == 1);
    /* The quickest counts: this machine may be busy. */
    for (int i = 0; i < 5; i++) {
        uint64_t since_ns = mproc_clock_ns();
        CHECK(mproc_process_join(process, MPROC_NOW, &status) == -EAGAIN);
        CHECK(strstr(mproc_error_detail(), "has ended, but its guard does not tell how: is it stopped?"));
        CHECK(mproc_process_join(process, mproc_deadline_ms(10), &status) == -ETIMEDOUT);
        uint64_t ns = mproc_clock_ns() - since_ns;
        took_ns = ns < took_ns ? ns : took_ns;
    }
    CHECK(took_ns < UINT64_C(200) * 1000 * 1000);
    CHECK(mproc_process_stop(process, &steps, &status) == -ETIMEDOUT);
    CHECK(strstr(mproc_error_detail(), "has ended, but its guard does not tell how: is it stopped?"));
    kill(guard, SIGCONT);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
    CHECK(status.end == MPROC_END_SIGNAL && status.signal == SIGKILL && status.step == MPROC_STEP_NONE);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

struct patient_start {
    struct mproc_context *context;
    struct mproc_process *process;
    _Atomic bool is_over;
};

static void *start_patiently(void *arg)
{
    const struct mproc_process_options options = {.deadline_ns = mproc_deadline_ms(10000)};
    struct patient_start *start = arg;
    struct mproc_args *args = NULL;

    mproc_args_new(&args);
    mproc_args_add_int(args, 1);
    CHECK(mproc_process_start(start->context, "count", args, &options, &start->process) == 0);
    mproc_args_free(args);
    start->is_over = true;
    return NULL;
}

CHILD_TEST(guard, a_start_has_its_deadline_while_that_of_another_thread_is_stuck)
{
    struct patient_start patient = {.context = NULL};
    struct mproc_process *process = NULL;
    pthread_t thread;
    bool is_told = false;
    map_runs();
    struct mproc_context *context = patient.context = open_context();
    pid_t guard = guard_of(context);
    kill(guard, SIGSTOP);
    REQUIRE(pthread_create(&thread, NULL, start_patiently, &patient) == 0);
    while (!is_told && !patient.is_over) {
        const struct mproc_process_options options = {.deadline_ns = mproc_deadline_ms(5)};
        CHECK(mproc_process_start(context, "count", NULL, &options, &process) == -ETIMEDOUT);
        is_told = strstr(mproc_error_detail(), "the start of another process has held up that of 'count'");
    }
    CHECK(is_told);
    kill(guard, SIGCONT);
    pthread_join(thread, NULL);
    CHECK(mproc_process_join(patient.process, mproc_deadline_ms(10000), NULL) == 0);
    CHECK(runs[1] == 1);
    mproc_process_free(patient.process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(guard, a_start_without_a_free_descriptor_fails_before_anything_runs)
{
    struct mproc_process *process = NULL;
    struct rlimit limit;
    map_runs();
    struct mproc_context *context = open_context();
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    const struct rlimit none_free = {(rlim_t)next, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none_free);
    CHECK(order_run(context, 1, 0, &process) == -EMFILE);
    CHECK(strstr(mproc_error_detail(), "RLIMIT_NOFILE"));
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(order_run(context, 2, 0, &process) == 0);
    CHECK(mproc_process_join(process, mproc_deadline_ms(10000), NULL) == 0);
    CHECK(runs[1] == 0);
    CHECK(runs[2] == 1);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* Kills the guard of the moment again and again, while starts go on: each start works, and none runs twice.
 */
CHILD_TEST(guard, starts_survive_a_guard_that_is_killed_all_the_time)
{
    enum { STARTS = 60 };
    unsigned ended_well = 0, killed = 0;
    map_runs();
    struct mproc_context *context = open_context();
    pid_t *guard = (pid_t *)(runs + 2048);
    *guard = guard_of(context);
    pid_t killer = fork();
    if (killer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned i = 0;; i++) {
            pid_t pid = __atomic_load_n(guard, __ATOMIC_SEQ_CST);
            poll(NULL, 0, (int)(i % 16));
            kill(pid, SIGKILL);
        }
    }
    for (int i = 0; i < STARTS; i++) {
        struct mproc_process *process = NULL;
        struct mproc_status status = {0};
        REQUIRE(order_run(context, i, 0, &process) == 0);
        REQUIRE(mproc_process_join(process, mproc_deadline_ms(10000), &status) == 0);
        ended_well += status.end == MPROC_END_EXIT;
        killed += status.end == MPROC_END_SIGNAL && status.signal == SIGKILL && status.guard_died;
        CHECK(runs[i] <= 1);
        CHECK(status.end != MPROC_END_EXIT || runs[i] == 1);
        mproc_process_free(process);
        __atomic_store_n(guard, guard_of(context), __ATOMIC_SEQ_CST);
    }
    CHECK(ended_well + killed == STARTS);
    CHECK(restarts_of(context) > 2);
    kill(killer, SIGKILL);
    waitpid(killer, NULL, 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

CHILD_TEST(guard, closing_leaves_no_grandchild_behind)
{
    struct mproc_process *process = NULL;
    int ends[2];
    char byte;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct mproc_context *context = open_context();
    REQUIRE(start(context, "nest", ends[1], MPROC_START_FORKSERVER, &process) == 0);
    expect_voices(ends[0], 5);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == -ETIMEDOUT);
    close(ends[1]);
    CHECK(read(ends[0], &byte, 1) == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    int subreaper = 1;
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    CHECK(subreaper == 0);
}

CHILD_TEST(guard, only_one_context_is_open_at_a_time)
{
    struct mproc_context *context = open_context(), *second = NULL;
    CHECK(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &second) == -EBUSY);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    const struct mproc_entry twins[] = {{"a", hold_on}, {"a", nest}, {NULL, NULL}};
    CHECK(mproc_context_open(&(struct mproc_context_options){.entries = twins}, &second) == -EINVAL);
    CHECK(mproc_context_open(NULL, &second) == -EINVAL);
    CHECK(!second);
    context = open_context();
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(mproc_context_close(NULL, MPROC_NOW) == 0);
}
