#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
#include "supervise/sleep.h"
#include "supervise/step.h"
#include "supervise/terminal.h"

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
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
    pf_output_serve(run); /* what was printed before is told before */
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

/* One call seldom comes alone: for some of them, nothing else is looked at as long as nothing else happens.
 */
static struct pf_ready serve_calls(struct pf_run *run)
{
    enum { CALLS_AT_ONCE = 32 };
    struct pf_ready ready = {.call = true};
    for (int i = 0; i < CALLS_AT_ONCE && ready.call && !ready.stops; i++) {
        pf_intercept_serve(run);
        if (run->decided)
            break;
        ready = pf_sleep(run);
    }
    return ready;
}

static void watch(struct pf_run *run)
{
    struct pf_ready ready = {.stops = true};
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
        if (pf_run_now(run) >= pf_sleep_end_of_time(run))
            pf_quiet_deadline(run);
        else
            pf_quiet_tick(run);
        if (!run->decided)
            ready = pf_sleep(run);
    }
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
                         .alarm_fd = -1,
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
    int r = pf_sleep_open(&run, &before, error);
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
    pf_sleep_close(&run);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}
