#include "cli/pool.h"

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

#include "cli/interrupts.h"
#include "judge/judge.h"
#include "supervise/supervise.h"

/* Trials that have ended wait for their turn to be judged; so many may be under way or waiting for each job.
 */
enum { WINDOW_PER_JOB = 16, TICK_MS = 500 };

enum state { STATE_FREE, STATE_RUNS, STATE_ENDED, STATE_NOT_RUN };

struct slot {
    enum state state;
    pid_t pid;
    int pidfd;
    int trace_fd;
    siginfo_t ending;        /* STATE_ENDED */
    const char *why;         /* STATE_NOT_RUN */
    struct pf_error *report; /* shared: what the supervisor could not write into a trace */
};

struct pool {
    const struct pf_trial *const *trials;
    size_t count, jobs, window;
    size_t started, judged, running;
    int forwarded; /* interrupts that the trials have been woken for */
    struct slot *slots;
    struct pollfd *polled;
    size_t *polled_slots;
    sigset_t before; /* mask to wait with */
    struct pf_progress *progress;
    struct pf_result *result;
};

static struct slot *slot_of(const struct pool *pool, size_t index)
{
    return &pool->slots[index % pool->window];
}

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
_Noreturn static void supervise(const struct pool *pool, const struct pf_trial *trial, struct slot *slot,
                                pid_t parent)
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
    int r = pf_supervise_trial(trial, &watcher, trace, &error);
    if (r < 0)
        *slot->report = error;
    else if (trace->sink_error)
        pf_error_set(slot->report, r, "the trace could not be kept: %s", strerror(-trace->sink_error));
    _exit(0);
}

static int start(struct pool *pool, const struct pf_trial *trial, struct slot *slot)
{
    slot->trace_fd = memfd_create("pitfall-trace", MFD_CLOEXEC);
    if (slot->trace_fd < 0)
        return -errno;
    slot->report->message[0] = '\0';
    pid_t parent = getpid();
    slot->pid = fork();
    if (slot->pid == 0)
        supervise(pool, trial, slot, parent);
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
    slot->state = STATE_RUNS;
    pool->running++;
    return 0;
}

static void leave_out(struct slot *slot, const char *why)
{
    slot->state = STATE_NOT_RUN;
    slot->why = why;
}

/* Starts trials while there is room. A shortage of processes or descriptors passes when a trial ends. */
static int start_more(struct pool *pool)
{
    while (pool->started < pool->count && pool->running < pool->jobs &&
           pool->started - pool->judged < pool->window) {
        const struct pf_trial *trial = pool->trials[pool->started];
        struct slot *slot = slot_of(pool, pool->started);
        if (trial->skip) {
            leave_out(slot, trial->skip);
        } else if (pf_interrupts_count(NULL)) {
            leave_out(slot, "not run: interrupted");
        } else {
            int r = start(pool, trial, slot);
            if (r < 0)
                return pool->running ? 0 : r;
        }
        pool->started++;
    }
    return 0;
}

static void forward_interrupts(struct pool *pool)
{
    int interrupts = pf_interrupts_count(NULL);
    if (interrupts == pool->forwarded)
        return;
    pool->forwarded = interrupts;
    for (size_t i = pool->judged; i < pool->started; i++)
        if (slot_of(pool, i)->state == STATE_RUNS)
            pidfd_send_signal(slot_of(pool, i)->pidfd, SIGINT, NULL, 0);
}

/* Waits until a trial ends, a signal comes or the progress line wants to be drawn. */
static void wait_for_news(struct pool *pool)
{
    nfds_t count = 0;
    for (size_t i = pool->judged; i < pool->started; i++) {
        struct slot *slot = slot_of(pool, i);
        if (slot->state != STATE_RUNS)
            continue;
        pool->polled_slots[count] = i;
        pool->polled[count++] = (struct pollfd){.fd = slot->pidfd, .events = POLLIN};
    }
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    if (count == 0 || ppoll(pool->polled, count, pool->progress->shown ? &tick : NULL, &pool->before) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++) {
        struct slot *slot = slot_of(pool, pool->polled_slots[i]);
        if (!pool->polled[i].revents || waitid(P_PIDFD, (id_t)slot->pidfd, &slot->ending, WEXITED) < 0)
            continue;
        close(slot->pidfd);
        slot->state = STATE_ENDED;
        pool->running--;
    }
}

/* A trial that left no trace to judge. */
static struct pf_trial_result *add_untested(struct pf_result *result, const struct pf_trial *trial,
                                            enum pf_verdict verdict, const char *reason)
{
    struct pf_trial_result *added = pf_result_add(result);
    const char **command = pf_arena_alloc(result->arena, (trial->command_count + 1) * sizeof(*command));
    for (size_t i = 0; i < trial->command_count; i++)
        command[i] = pf_arena_strdup(result->arena, trial->command[i]);
    *added = (struct pf_trial_result){
        .scenario = pf_arena_strdup(result->arena, trial->scenario),
        .variant = pf_arena_strdup(result->arena, trial->variant),
        .command = command,
        .command_count = trial->command_count,
        .verdict = verdict,
        .reason = pf_arena_strdup(result->arena, reason),
        .expect = pf_expect_copy(&trial->expect, result->arena),
    };
    return added;
}

/* Why there is no whole trace: the supervisor's own words, or what became of it. */
static const char *untested_reason(struct pf_arena *arena, const struct slot *slot, const char *trace_error)
{
    if (slot->report->message[0])
        return slot->report->message;
    if (slot->ending.si_code != CLD_EXITED)
        return pf_arena_printf(arena, "the trial's supervisor was killed by SIG%s",
                               sigabbrev_np(slot->ending.si_status) ? sigabbrev_np(slot->ending.si_status)
                                                                    : "?");
    return pf_arena_printf(arena, "the trial's supervisor left no whole trace: %s", trace_error);
}

static void judge_ended(struct pool *pool, const struct pf_trial *trial, struct slot *slot)
{
    struct pf_result *result = pool->result;
    struct pf_trace *trace;
    struct pf_error error = {""};
    FILE *file = fdopen(slot->trace_fd, "r");
    if (!file)
        abort();
    rewind(file);
    if (pf_trace_read(file, "trace", &trace, &error) == 0) {
        pf_judge_trace(trace, result);
        pf_trace_free(trace);
    } else {
        add_untested(result, trial, PF_ERROR, untested_reason(result->arena, slot, error.message));
    }
    fclose(file);
}

/* Judges what has ended, in the order of the plan. */
static void judge_ready(struct pool *pool)
{
    while (pool->judged < pool->started) {
        const struct pf_trial *trial = pool->trials[pool->judged];
        struct slot *slot = slot_of(pool, pool->judged);
        if (slot->state == STATE_RUNS)
            return;
        if (slot->state == STATE_NOT_RUN)
            add_untested(pool->result, trial, PF_SKIP, slot->why);
        else
            judge_ended(pool, trial, slot);
        struct pf_trial_result *added = &pool->result->trials[pool->result->trial_count - 1];
        if (!added->replay)
            added->replay = pf_arena_strdup(pool->result->arena, trial->replay);
        slot->state = STATE_FREE;
        pool->judged++;
        pf_progress_step(pool->progress, added->verdict == PF_FAIL || added->verdict == PF_ERROR);
    }
}

static int run_all(struct pool *pool, struct pf_error *error)
{
    while (pool->judged < pool->count) {
        int r = start_more(pool);
        if (r < 0)
            return pf_error_set(error, r, "a trial could not be started: %s", strerror(-r));
        forward_interrupts(pool);
        judge_ready(pool);
        wait_for_news(pool);
        pf_progress_draw(pool->progress);
    }
    return 0;
}

int pf_pool_run(const struct pf_trial *const *trials, size_t count, size_t jobs, struct pf_progress *progress,
                struct pf_result *result, struct pf_error *error)
{
    struct pool pool = {.trials = trials,
                        .count = count,
                        .jobs = jobs,
                        .window = jobs * WINDOW_PER_JOB,
                        .progress = progress,
                        .result = result};
    size_t reports_size = pool.window * sizeof(struct pf_error);
    struct pf_error *reports =
        mmap(NULL, reports_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED)
        return pf_error_set(error, -errno, "no memory for %zu trials: %s", pool.window, strerror(errno));
    struct pf_arena *arena = pf_arena_new();
    pool.slots = pf_arena_alloc(arena, pool.window * sizeof(*pool.slots));
    pool.polled = pf_arena_alloc(arena, pool.window * sizeof(*pool.polled));
    pool.polled_slots = pf_arena_alloc(arena, pool.window * sizeof(*pool.polled_slots));
    for (size_t i = 0; i < pool.window; i++)
        pool.slots[i].report = &reports[i];
    fflush(NULL);
    pf_interrupts_block(&pool.before);
    int r = run_all(&pool, error);
    sigprocmask(SIG_SETMASK, &pool.before, NULL);
    pf_arena_free(arena);
    munmap(reports, reports_size);
    return r;
}
