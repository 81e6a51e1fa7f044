#include "sweep/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "judge/judge.h"
#include "judge/timeline.h"
#include "plan/plan.h"
#include "supervise/kept.h"
#include "supervise/supervise.h"
#include "sweep/interrupts.h"

enum { TICK_MS = 500 };
/* A worker lives for so many trials: a fork costs as much as a short trial, and nothing of one trial shall
 * add up for ever. */
enum { TRIALS_OF_WORKER = 500 };

/* What a worker says when it has carried out a trial. */
struct report {
    int error;   /* why the memory does not have the result, or the trace: -errno */
    size_t size; /* of the result in the memory */
};

/* A process that carries out one trial after the other. */
struct worker {
    pid_t pid; /* 0: there is none */
    int pidfd;
    int socket;    /* numbers of trials go out, reports come in */
    int memory;    /* shared with it */
    size_t trials; /* that it has been given */
    bool runs;     /* the last of them */
    struct pf_pool_job job;
};

struct pool {
    const struct pf_pool_client *client;
    struct worker *workers;
    struct pollfd *polled; /* two per worker: its socket, and its end */
    size_t jobs, running;
    bool holds; /* a trial that could not be started yet */
    struct pf_pool_job held;
    int forwarded;   /* interrupts that the trials have been woken for */
    sigset_t before; /* mask to wait with */
};

static bool is_stuck(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    (void)context;
    return pf_judge_is_stuck(trace, snapshot);
}

/* The first interrupt lets the trials under way end as they would, so that their results count; the second
 * ends them. */
static int interrupts_of_trial(void *context)
{
    return pf_interrupts_count(context) > 1 ? 2 : 0;
}

/* Writes the result where the parent finds it. */
static struct report keep_result(const struct pf_pool_client *client, const struct pf_trace *trace,
                                 int memory)
{
    struct pf_result *result = pf_result_new();
    struct pf_packed packed = {0};
    pf_judge_trace(trace, result);
    if (!client->brief || result->trials[0].verdict == PF_FAIL)
        pf_timeline_draw(trace, result->arena, &result->trials[0]);
    pf_result_pack_trial(&result->trials[0], &packed);
    ssize_t written = pwrite(memory, packed.bytes, packed.size, 0);
    struct report report = {.size = packed.size};
    if (written != (ssize_t)packed.size)
        report.error = written < 0 ? -errno : -ENOSPC;
    free(packed.bytes);
    pf_result_free(result);
    return report;
}

/* A trace is written line by line, from the beginning of the memory. */
static int open_sink(struct pf_trace *trace, int memory)
{
    if (ftruncate(memory, 0) < 0 || lseek(memory, 0, SEEK_SET) < 0)
        return -errno;
    trace->sink = fdopen(fcntl(memory, F_DUPFD_CLOEXEC, 0), "w");
    return trace->sink ? 0 : -errno;
}

/* In a worker. Even of a trial that could not be started there is a whole trace, and it says why. */
static struct report carry_out(const struct pf_pool_client *client, const struct pf_trial *trial,
                               struct pf_kept *kept, int memory)
{
    struct pf_trace *trace = pf_trace_new();
    struct pf_watcher watcher = {.is_stuck = is_stuck, .interrupts = interrupts_of_trial, .kept = kept};
    struct report report = {0};
    struct pf_error error = {""}; /* the trace gets the message */
    if (client->takes_traces)
        report.error = open_sink(trace, memory);
    if (report.error == 0) {
        pf_supervise_trial(trial, &watcher, trace, &error);
        if (client->takes_traces)
            report.error = trace->sink_error;
        else
            report = keep_result(client, trace, memory);
    }
    if (trace->sink)
        fclose(trace->sink); /* each event was flushed */
    pf_trace_free(trace);
    return report;
}

/* Waits for the number of another trial. Returns false when there are none. */
static bool receive_number(int socket, uint64_t *ret_number)
{
    ssize_t n;
    do
        n = recv(socket, ret_number, sizeof(*ret_number), 0);
    while (n < 0 && errno == EINTR);
    return n == sizeof(*ret_number);
}

/* The process of a worker. The first trial is the one that it was forked for. */
_Noreturn static void work(const struct pool *pool, const struct worker *worker, int socket, pid_t parent)
{
    const struct pf_pool_client *client = pool->client;
    struct pf_kept kept = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    pf_interrupts_follow();
    sigprocmask(SIG_SETMASK, &pool->before, NULL);
    struct report report = carry_out(client, worker->job.trial, &kept, worker->memory);
    uint64_t number;
    while (send(socket, &report, sizeof(report), MSG_NOSIGNAL) == sizeof(report) &&
           receive_number(socket, &number)) {
        struct pf_trial *trial = client->make(client->context, number);
        report = carry_out(client, trial, &kept, worker->memory);
        pf_plan_free(trial);
    }
    pf_kept_leave(&kept);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ; /* inits that were left to end by themselves */
    _exit(0);
}

static void close_ends(const struct worker *worker)
{
    if (worker->pidfd >= 0)
        close(worker->pidfd);
    if (worker->socket >= 0)
        close(worker->socket);
    if (worker->memory >= 0)
        close(worker->memory);
}

/* Lets the worker go: without a trial it ends by itself. */
static void end_worker(struct worker *worker, siginfo_t *ret_ending)
{
    /* To close it would not do: workers that were forked later have it open, too. */
    shutdown(worker->socket, SHUT_RDWR);
    while (waitid(P_PIDFD, (id_t)worker->pidfd, ret_ending, WEXITED) < 0 && errno == EINTR)
        ;
    close_ends(worker);
    worker->pid = 0;
}

/* Forks a worker for the trial that waits in it. */
static int start_worker(const struct pool *pool, struct worker *worker)
{
    int ends[2] = {-1, -1};
    pid_t parent = getpid();
    worker->pidfd = worker->socket = -1;
    worker->memory = memfd_create("pitfall-trial", MFD_CLOEXEC);
    int r = worker->memory < 0 ? -errno : 0;
    if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        r = -errno;
    pid_t pid = r == 0 ? fork() : -1;
    if (pid == 0) {
        close(ends[0]);
        work(pool, worker, ends[1], parent);
    }
    if (r == 0 && (pid < 0 || (worker->pidfd = pidfd_open(pid, 0)) < 0))
        r = -errno;
    worker->socket = ends[0];
    if (ends[1] >= 0)
        close(ends[1]);
    if (r < 0 && pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (r < 0) {
        close_ends(worker);
        return r;
    }
    worker->pid = pid;
    worker->trials = 0;
    return 0;
}

/* Gives the worker its trial; one that has done its share, or has died meanwhile, is replaced by a fresh one.
 */
static int start(struct pool *pool, struct worker *worker)
{
    const uint64_t number = worker->job.id;
    siginfo_t ending;
    bool goes_on = worker->pid && pool->client->make && worker->trials < TRIALS_OF_WORKER &&
                   send(worker->socket, &number, sizeof(number), MSG_NOSIGNAL) == sizeof(number);
    if (!goes_on) {
        if (worker->pid)
            end_worker(worker, &ending);
        int r = start_worker(pool, worker);
        if (r < 0)
            return r;
    }
    worker->trials++;
    worker->runs = true;
    pool->running++;
    return 0;
}

/* A trial that nothing is known of. */
static void add_untested(struct pf_result *result, const struct pf_trial *trial, const char *reason)
{
    struct pf_trial_result *added = pf_result_add(result);
    *added = (struct pf_trial_result){
        .scenario = trial->scenario,
        .variant = trial->variant,
        .command = trial->command,
        .command_count = trial->command_count,
        .verdict = PF_ERROR,
        .reason = pf_arena_strdup(result->arena, reason),
        .expect = trial->expect,
        .replay = trial->replay,
    };
}

/* Reads the trace that a worker has kept, and judges it. */
static int read_trace(int memory, struct pf_result *result, struct pf_trace **ret_trace,
                      struct pf_error *error)
{
    FILE *file = fdopen(fcntl(memory, F_DUPFD_CLOEXEC, 0), "r");
    if (!file)
        return pf_error_set(error, -errno, "no memory to read it: %s", strerror(errno));
    rewind(file);
    int r = pf_trace_read(file, "trace", ret_trace, error);
    fclose(file);
    if (r == 0)
        pf_judge_trace(*ret_trace, result);
    return r;
}

static int read_result(int memory, size_t size, struct pf_result *result, struct pf_error *error)
{
    unsigned char *bytes = pf_arena_alloc(result->arena, size);
    ssize_t n = pread(memory, bytes, size, 0);
    int r = n < 0 ? -errno : n < (ssize_t)size ? -EBADMSG : pf_result_unpack_trials(result, bytes, size, 1);
    return r < 0 ? pf_error_set(error, r, "the result of a trial cannot be read: %s", strerror(-r)) : 0;
}

/* Hands over what has become of the worker's trial; `reason`: why that is not known, or NULL. */
static void finish(struct pool *pool, struct worker *worker, size_t size, const char *reason)
{
    struct pf_result *result = pf_result_new();
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    int r = 0;
    if (!reason)
        r = pool->client->takes_traces ? read_trace(worker->memory, result, &trace, &error)
                                       : read_result(worker->memory, size, result, &error);
    if (reason || r < 0)
        add_untested(result, worker->job.trial, reason ? reason : error.message);
    worker->runs = false;
    pool->running--;
    pool->client->done(pool->client->context, &worker->job, &result->trials[0], &trace);
    pf_trace_free(trace);
    pf_result_free(result);
}

static void take_report(struct pool *pool, struct worker *worker)
{
    struct report report;
    struct pf_error error;
    if (recv(worker->socket, &report, sizeof(report), MSG_DONTWAIT) != sizeof(report))
        return; /* it has died, which is news of its own */
    if (report.error < 0)
        pf_error_set(&error, report.error, "what the trial has shown could not be kept: %s",
                     strerror(-report.error));
    finish(pool, worker, report.size, report.error < 0 ? error.message : NULL);
}

/* A worker that ends before it has reported takes its trial with it. */
static void take_end(struct pool *pool, struct worker *worker)
{
    siginfo_t ending;
    struct pf_error error;
    end_worker(worker, &ending);
    const char *name = ending.si_code == CLD_EXITED ? NULL : sigabbrev_np(ending.si_status);
    if (ending.si_code == CLD_EXITED)
        pf_error_set(&error, -ECHILD, "the trial's supervisor ended with status %d", ending.si_status);
    else
        pf_error_set(&error, -ECHILD, "the trial's supervisor was killed by SIG%s", name ? name : "?");
    finish(pool, worker, 0, error.message);
}

/* Starts trials while there is room. A shortage of processes or descriptors passes when a trial ends. */
static int start_more(struct pool *pool)
{
    for (size_t i = 0; i < pool->jobs; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->runs)
            continue;
        if (!pool->holds && !pool->client->next(pool->client->context, &pool->held))
            return 0;
        worker->job = pool->held;
        int r = start(pool, worker);
        pool->holds = r < 0;
        if (r < 0)
            return pool->running ? 0 : r;
    }
    return 0;
}

static void forward_interrupts(struct pool *pool)
{
    int interrupts = pf_interrupts_count(NULL);
    if (interrupts == pool->forwarded)
        return;
    pool->forwarded = interrupts;
    for (size_t i = 0; i < pool->jobs; i++)
        if (pool->workers[i].runs)
            pidfd_send_signal(pool->workers[i].pidfd, SIGINT, NULL, 0);
}

/* Waits until a trial ends, a signal comes or it is time for a tick. */
static void wait_for_news(struct pool *pool)
{
    for (size_t i = 0; i < pool->jobs; i++) {
        const struct worker *worker = &pool->workers[i];
        pool->polled[2 * i] = (struct pollfd){.fd = worker->runs ? worker->socket : -1, .events = POLLIN};
        pool->polled[2 * i + 1] = (struct pollfd){.fd = worker->runs ? worker->pidfd : -1, .events = POLLIN};
    }
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    if (ppoll(pool->polled, 2 * pool->jobs, &tick, &pool->before) <= 0)
        return;
    for (size_t i = 0; i < pool->jobs; i++) {
        struct worker *worker = &pool->workers[i];
        if (pool->polled[2 * i].revents)
            take_report(pool, worker);
        if (worker->runs && pool->polled[2 * i + 1].revents)
            take_end(pool, worker);
    }
}

static int run_all(struct pool *pool, struct pf_error *error)
{
    for (;;) {
        int r = start_more(pool);
        if (r < 0)
            return pf_error_set(error, r, "a trial could not be started: %s", strerror(-r));
        if (pool->running == 0)
            return 0;
        forward_interrupts(pool);
        wait_for_news(pool);
        if (pool->client->tick)
            pool->client->tick(pool->client->context);
    }
}

int pf_pool_run(const struct pf_pool_client *client, size_t jobs, struct pf_error *error)
{
    struct pool pool = {.client = client, .jobs = jobs};
    struct pf_arena *arena = pf_arena_new();
    pool.workers = pf_arena_alloc(arena, jobs * sizeof(*pool.workers));
    pool.polled = pf_arena_alloc(arena, 2 * jobs * sizeof(*pool.polled));
    fflush(NULL);
    pf_interrupts_block(&pool.before);
    int r = run_all(&pool, error);
    for (size_t i = 0; i < jobs; i++)
        if (pool.workers[i].pid)
            end_worker(&pool.workers[i], &(siginfo_t){0});
    sigprocmask(SIG_SETMASK, &pool.before, NULL);
    pf_arena_free(arena);
    return r;
}
