#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "probe/probe.h"
#include "supervise/birth.h"
#include "supervise/ending.h"
#include "supervise/files.h"
#include "supervise/inject.h"
#include "supervise/intercept.h"
#include "supervise/keep.h"
#include "supervise/left.h"
#include "supervise/lifecycle.h"
#include "supervise/newborn.h"
#include "supervise/output.h"
#include "supervise/pace.h"
#include "supervise/pidfd.h"
#include "supervise/quiet.h"
#include "supervise/record.h"
#include "supervise/run.h"
#include "supervise/step.h"
#include "supervise/terminal.h"

static const uint64_t NS_PER_S = 1000000000ULL;

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t pf_run_now(const struct pf_run *run)
{
    return clock_ns() - run->trace->start_ns;
}

const struct pf_event *pf_run_emit(struct pf_run *run, struct pf_event event)
{
    event.t_ns = pf_run_now(run);
    const struct pf_event *appended = pf_trace_append(run->trace, &event);
    if (run->watcher && run->watcher->on_event)
        run->watcher->on_event(run->watcher->context, run->trace, appended);
    return appended;
}

void pf_run_decide(struct pf_run *run, enum pf_verdict_kind kind, uint64_t snapshot)
{
    if (run->decided)
        return;
    struct pf_ev_verdict verdict = {.kind = kind, .snapshot = snapshot};
    for (size_t i = 0; i < run->tasks.process_count; i++)
        if (run->tasks.processes[i]->alive)
            *(const char **)pf_arena_grow(run->trace->arena, &verdict.survivors, &verdict.survivor_count,
                                          sizeof(*verdict.survivors)) = run->tasks.processes[i]->address;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_VERDICT, .verdict = verdict});
    run->decided = true;
}

static void emit_begin(struct pf_run *run)
{
    const struct pf_trial *trial = run->trial;
    struct pf_arena *arena = run->trace->arena;
    struct utsname system;
    uname(&system);
    run->trace->start_ns = clock_ns();
    struct pf_ev_begin begin = {
        .schema = PF_TRACE_SCHEMA,
        .scenario = trial->scenario,
        .variant = trial->variant,
        .command = trial->command,
        .command_count = trial->command_count,
        .seed = trial->seed,
        .limits = trial->limits,
        .limit_count = trial->limit_count,
        .deadline_ns = trial->deadline_ns,
        .grace_ns = trial->grace_ns,
        .captured = trial->capture,
        .no_execs = !run->follows_execs,
        .replay = trial->replay,
        .expect = trial->expect,
        .environment = {.pitfall = PITFALL_VERSION,
                        .kernel = pf_arena_strdup(arena, system.release),
                        .machine = pf_arena_strdup(arena, system.machine),
                        .containment = run->launched.level,
                        .containment_note = run->launched.note,
                        .isolated = run->launched.containment && run->launched.containment->layers.fd >= 0,
                        .isolation_note = run->launched.isolation_note}};
    for (size_t i = 0; i < trial->fault_count; i++)
        *(const char **)pf_arena_grow(arena, &begin.faults, &begin.fault_count, sizeof(*begin.faults)) =
            trial->faults[i].spec;
    /* The trace may outlive the trial: what it says of the plan is a copy of its own. */
    struct pf_event event;
    pf_event_copy(&(struct pf_event){.kind = PF_EVENT_BEGIN, .begin = begin}, arena, &event);
    pf_run_emit(run, event);
}

/* The first Ctrl-C is passed on to the program, the second ends it. */
static void serve_interrupts(struct pf_run *run)
{
    int count = run->tty_interrupts;
    if (run->watcher && run->watcher->interrupts)
        count += run->watcher->interrupts(run->watcher->context);
    if (count == run->interrupts)
        return;
    bool from_terminal = run->tty_interrupts > 0;
    run->interrupts = count;
    if (count > 1)
        pf_run_decide(run, PF_VERDICT_INTERRUPTED, 0);
    else if (!from_terminal)
        kill(-run->launched.root, SIGINT);
}

static void serve_questions(struct pf_run *run)
{
    int count = run->watcher && run->watcher->questions ? run->watcher->questions(run->watcher->context)
                                                        : run->questions;
    if (count == run->questions || !run->started_ns)
        return;
    run->questions = count;
    pf_quiet_answer(run);
}

/* When the time of the trial is up, on the trace's clock. */
static uint64_t end_of_time(const struct pf_run *run)
{
    const struct pf_trial *trial = run->trial;
    uint64_t end = trial->deadline_ns && run->started_ns ? run->started_ns + trial->deadline_ns : UINT64_MAX;
    if (run->root_ended_ns && run->root_ended_ns + trial->grace_ns < end)
        end = run->root_ended_ns + trial->grace_ns;
    return end;
}

/* What waits to be served. */
struct ready {
    bool stops, call, output;
};

/* Sleeps until something waits, or the time is over. To ask only who is ready saves two calls in four. */
static struct ready await(struct pf_run *run, uint64_t rest_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(rest_ns / NS_PER_S), .tv_nsec = (long)(rest_ns % NS_PER_S)};
    struct pollfd sources[] = {{.fd = run->events_fd, .events = POLLIN},
                               {.fd = run->unfiltered ? -1 : run->launched.notify_fd, .events = POLLIN},
                               {.fd = run->launched.output[0], .events = POLLIN},
                               {.fd = run->launched.output[1], .events = POLLIN}};
    struct signalfd_siginfo info;
    if (ppoll(sources, 4, &timeout, NULL) > 0 && (sources[0].revents & POLLIN))
        (void)!read(run->events_fd, &info, sizeof(info));
    /* The last thread that could make a call has gone; its death will be news only a little later. */
    run->unfiltered |= (sources[1].revents & (POLLIN | POLLHUP)) == POLLHUP;
    return (struct ready){.stops = sources[0].revents,
                          .call = sources[1].revents & POLLIN,
                          .output = sources[2].revents | sources[3].revents};
}

static struct ready sleep_until_event(struct pf_run *run)
{
    uint64_t now = pf_run_now(run);
    uint64_t due = pf_quiet_due(run);
    if (pf_keep_due(run) < due)
        due = pf_keep_due(run);
    if (pf_inject_due(run) < due)
        due = pf_inject_due(run);
    if (pf_step_due(run) < due)
        due = pf_step_due(run);
    if (pf_newborn_due(run) < due)
        due = pf_newborn_due(run);
    if (pf_pace_due(run) < due)
        due = pf_pace_due(run);
    if (end_of_time(run) < due)
        due = end_of_time(run);
    return await(run, due > now ? due - now : 0);
}

/* One call seldom comes alone: for some of them, nothing else is looked at as long as nothing else happens.
 */
static struct ready serve_calls(struct pf_run *run)
{
    enum { CALLS_AT_ONCE = 32, GAP_NS = 100 * 1000 };
    struct ready ready = {.call = true};
    for (int i = 0; i < CALLS_AT_ONCE && ready.call && !ready.stops && !run->decided; i++) {
        pf_intercept_serve(run);
        ready = await(run, GAP_NS);
    }
    return ready;
}

static void watch(struct pf_run *run)
{
    struct ready ready = {.stops = true};
    while (!run->decided && !run->failed) {
        if (ready.stops)
            pf_lifecycle_serve(run);
        if (ready.call) {
            ready = serve_calls(run);
            if (ready.stops)
                pf_lifecycle_serve(run);
        }
        if (ready.output)
            pf_output_serve(run);
        pf_newborn_tick(run);
        pf_keep_tick(run);
        pf_pace_tick(run);
        pf_inject_tick(run);
        pf_step_tick(run);
        serve_interrupts(run);
        serve_questions(run);
        if (run->failed || run->decided)
            return;
        if (run->tasks.living == 0) {
            pf_run_decide(run, run->interrupts ? PF_VERDICT_INTERRUPTED : PF_VERDICT_FINISHED, 0);
            return;
        }
        if (pf_run_now(run) >= end_of_time(run))
            pf_quiet_deadline(run);
        else
            pf_quiet_tick(run);
        if (!run->decided)
            ready = sleep_until_event(run);
    }
}

static int open_events(struct pf_run *run, sigset_t *ret_before, struct pf_error *error)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, ret_before);
    run->events_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->events_fd < 0)
        return pf_error_set(error, -errno, "no signalfd: %s", strerror(errno));
    return 0;
}

/* Where the containment is kept. */
static struct pf_containment **shelf(const struct pf_run *run)
{
    return run->watcher && run->watcher->kept ? &run->watcher->kept->containment : NULL;
}

static int start(struct pf_run *run, struct pf_error *error)
{
    struct pf_arena *arena = run->trace->arena;
    int r = pf_filter_build(run->trial, shelf(run) != NULL, &run->kept->filter, error);
    if (r == 0)
        r = pf_launch(run->trial, run->kept->filter, arena, shelf(run), &run->launched, error);
    if (r < 0)
        return r;
    pf_kept_look(run->kept, &run->launched);
    pf_kept_given(run->kept, run->trial, &run->launched, arena, &run->outside, &run->outside_count);
    return 0;
}

/*
 * Watching takes two descriptors a thread, and more for each look; the usual limit is 1024. The program has
 * got its own already.
 */
static void raise_limit(struct rlimit *ret_before)
{
    getrlimit(RLIMIT_NOFILE, ret_before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ret_before->rlim_max, ret_before->rlim_max});
}

/* From a launched root to the last reaped process. */
static int carry_out(struct pf_run *run, struct pf_error *error)
{
    struct rlimit before;
    raise_limit(&before);
    pf_terminal_give(run);
    pf_birth_root(run);
    watch(run);
    const struct pf_event *last = run->trace->events[run->trace->count - 1];
    bool stuck = last->kind == PF_EVENT_VERDICT &&
                 (last->verdict.kind == PF_VERDICT_PROVEN || last->verdict.kind == PF_VERDICT_DEADLINE);
    if (stuck && last->verdict.kind == PF_VERDICT_DEADLINE)
        pf_pace_finish(run);
    if (stuck)
        pf_ending_stacks(run);
    int r = run->failed ? pf_launch_explain(&run->launched, run->trial, error) : 0;
    int killed = pf_ending_kill(run, error);
    pf_terminal_take(run);
    setrlimit(RLIMIT_NOFILE, &before);
    return r < 0 ? r : killed;
}

int pf_supervise_trial(const struct pf_trial *trial, const struct pf_watcher *watcher, struct pf_trace *trace,
                       struct pf_error *error)
{
    struct pf_kept own = {0};
    struct pf_run run = {.trial = trial,
                         .watcher = watcher,
                         .trace = trace,
                         .launched = {.notify_fd = -1, .output = {-1, -1}},
                         .kept = watcher && watcher->kept ? watcher->kept : &own,
                         .events_fd = -1,
                         .own_tty = -1};
    /* A stop at every exec is a tenth of what a process costs: spent where a record is kept, or faults
     * strike. */
    run.follows_execs =
        trace->sink || trial->capture || trial->fault_count > 0 || trial->limit_count > 0 || trial->steps;
    sigset_t before;
    pf_tasks_init(&run.tasks, trace->arena);
    pf_inject_init(&run);
    pf_keep_init(&run);
    pf_step_init(&run);
    pf_quiet_init(&run);
    pf_output_init(&run);
    pf_record_init(&run);
    pf_pace_init(&run);
    int r = open_events(&run, &before, error);
    if (r == 0)
        r = start(&run, error);
    emit_begin(&run);
    if (r == 0)
        r = carry_out(&run, error);
    pf_output_finish(&run);
    pf_left_finish(&run);
    pf_files_finish(&run);
    if (r == 0)
        r = pf_step_check(&run, error);
    struct pf_ev_end end = {.error = r < 0 && error ? pf_arena_strdup(trace->arena, error->message) : NULL,
                            .usage = r == -ENOENT || r == -EACCES || r == -ENOEXEC};
    pf_inject_end(&run, &end);
    pf_run_emit(&run, (struct pf_event){.kind = PF_EVENT_END, .end = end});
    pf_step_free(&run);
    pf_quiet_free(&run);
    pf_output_free(&run);
    pf_record_free(&run);
    pf_launch_end(&run.launched, shelf(&run));
    pf_kept_settle(run.kept);
    pf_kept_leave(&own);
    if (run.events_fd >= 0)
        close(run.events_fd);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}
