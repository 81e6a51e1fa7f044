#include "sweep/pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "judge/judge.h"
#include "supervise/supervise.h"
#include "sweep/interrupts.h"

enum { TICK_MS = 500 };

struct slot {
    bool runs;
    struct pf_pool_job job;
    pid_t pid;
    int pidfd;
    int trace_fd;
    struct pf_error *report; /* shared: what the supervisor could not write into a trace */
};

struct pool {
    const struct pf_pool_client *client;
    struct slot *slots;
    struct pollfd *polled; /* one per slot */
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

/* The process of one trial. What it has to say is in the trace, or in the report when there is no trace. */
_Noreturn static void supervise(const struct pool *pool, struct slot *slot, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    pf_interrupts_follow();
    sigprocmask(SIG_SETMASK, &pool->before, NULL);
    struct pf_trace *trace = pf_trace_new();
    trace->sink = fdopen(slot->trace_fd, "w");
    struct pf_watcher watcher = {.is_stuck = is_stuck, .interrupts = interrupts_of_trial};
    struct pf_error error = {""};
    int r = pf_supervise_trial(slot->job.trial, &watcher, trace, &error);
    if (r < 0)
        *slot->report = error;
    else if (trace->sink_error || fflush(trace->sink) == EOF)
        pf_error_set(slot->report, r, "the trace could not be kept: %s",
                     strerror(trace->sink_error ? -trace->sink_error : errno));
    _exit(0);
}

static int start(struct pool *pool, struct slot *slot)
{
    slot->trace_fd = memfd_create("pitfall-trace", MFD_CLOEXEC);
    if (slot->trace_fd < 0)
        return -errno;
    slot->report->message[0] = '\0';
    pid_t parent = getpid();
    slot->pid = fork();
    if (slot->pid == 0)
        supervise(pool, slot, parent);
    slot->pidfd = slot->pid > 0 ? pidfd_open(slot->pid, 0) : -1;
    if (slot->pidfd < 0) {
        int r = -errno;
        if (slot->pid > 0) {
            kill(slot->pid, SIGKILL);
            waitpid(slot->pid, NULL, 0);
        }
        close(slot->trace_fd);
        return r;
    }
    slot->runs = true;
    pool->running++;
    return 0;
}

/* A trial that left no trace to judge. */
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

/* Why there is no whole trace: the supervisor's own words, or what became of it. */
static const char *untested_reason(struct pf_arena *arena, const struct slot *slot, const siginfo_t *ending,
                                   const char *trace_error)
{
    if (slot->report->message[0])
        return slot->report->message;
    const char *name = ending->si_code == CLD_EXITED ? NULL : sigabbrev_np(ending->si_status);
    if (ending->si_code != CLD_EXITED)
        return pf_arena_printf(arena, "the trial's supervisor was killed by SIG%s", name ? name : "?");
    return pf_arena_printf(arena, "the trial's supervisor left no whole trace: %s", trace_error);
}

/* Judges a trial whose process has ended, and hands it over. */
static void finish(struct pool *pool, struct slot *slot, const siginfo_t *ending)
{
    struct pf_result *result = pf_result_new();
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    FILE *file = fdopen(slot->trace_fd, "r");
    if (!file)
        abort();
    rewind(file);
    if (pf_trace_read(file, "trace", &trace, &error) == 0)
        pf_judge_trace(trace, result);
    else
        add_untested(result, slot->job.trial, untested_reason(result->arena, slot, ending, error.message));
    fclose(file);
    slot->runs = false;
    pool->running--;
    pool->client->done(pool->client->context, &slot->job, &result->trials[0], &trace);
    pf_trace_free(trace);
    pf_result_free(result);
}

/* Starts trials while there is room. A shortage of processes or descriptors passes when a trial ends. */
static int start_more(struct pool *pool)
{
    for (size_t i = 0; i < pool->jobs; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->runs)
            continue;
        if (!pool->holds && !pool->client->next(pool->client->context, &pool->held))
            return 0;
        slot->job = pool->held;
        int r = start(pool, slot);
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
        if (pool->slots[i].runs)
            pidfd_send_signal(pool->slots[i].pidfd, SIGINT, NULL, 0);
}

/* Waits until a trial ends, a signal comes or it is time for a tick. */
static void wait_for_news(struct pool *pool)
{
    for (size_t i = 0; i < pool->jobs; i++)
        pool->polled[i] =
            (struct pollfd){.fd = pool->slots[i].runs ? pool->slots[i].pidfd : -1, .events = POLLIN};
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    if (ppoll(pool->polled, pool->jobs, &tick, &pool->before) <= 0)
        return;
    for (size_t i = 0; i < pool->jobs; i++) {
        struct slot *slot = &pool->slots[i];
        siginfo_t ending;
        if (!pool->polled[i].revents || waitid(P_PIDFD, (id_t)slot->pidfd, &ending, WEXITED) < 0)
            continue;
        close(slot->pidfd);
        finish(pool, slot, &ending);
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
    size_t reports_size = jobs * sizeof(struct pf_error);
    struct pf_error *reports =
        mmap(NULL, reports_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED)
        return pf_error_set(error, -errno, "no memory for %zu trials: %s", jobs, strerror(errno));
    struct pf_arena *arena = pf_arena_new();
    pool.slots = pf_arena_alloc(arena, jobs * sizeof(*pool.slots));
    pool.polled = pf_arena_alloc(arena, jobs * sizeof(*pool.polled));
    for (size_t i = 0; i < jobs; i++)
        pool.slots[i].report = &reports[i];
    fflush(NULL);
    pf_interrupts_block(&pool.before);
    int r = run_all(&pool, error);
    sigprocmask(SIG_SETMASK, &pool.before, NULL);
    pf_arena_free(arena);
    munmap(reports, reports_size);
    return r;
}
