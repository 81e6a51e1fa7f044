#include "sweep/baseline.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <time.h>

#include "model/baseline.h"
#include "plan/errnos.h"
#include "plan/plan.h"
#include "sweep/interrupts.h"
#include "sweep/pool.h"

enum { RUNS = 2 };

struct recording {
    const struct pf_sweep_request *request;
    const struct pf_trial *trial;
    struct pf_result *result;
    struct pf_baseline *baseline;
    struct pf_trace *first; /* trace of the first run */
    size_t begun, done;
    time_t first_ended; /* by the clock of the machine, in seconds */
    bool lost;          /* the harness could not */
    bool usage;         /* ... what was asked for */
};

static bool chosen(const struct pf_sweep_request *request, int call)
{
    for (size_t i = 0; i < request->call_count; i++)
        if (request->calls[i] == call)
            return true;
    return request->calls == NULL;
}

/* The calls that faults are known for and that this machine has. */
static const int *find_calls(const struct pf_sweep_request *request, struct pf_arena *arena,
                             size_t *ret_count)
{
    int *recorded = NULL;
    size_t count = 0;
    for (size_t i = 0; i < pf_call_profile_count; i++) {
        int call = seccomp_syscall_resolve_name(pf_call_profiles[i].call);
        if (call < 0 || !chosen(request, call))
            continue;
        *(int *)pf_arena_grow(arena, &recorded, &count, sizeof(*recorded)) = call;
    }
    *ret_count = count;
    return recorded;
}

/*
 * Sleeps until the clock of the machine shows another second, or a signal comes. What a program writes down
 * of the time then differs between the two runs, and is not expected of a third.
 */
static void leave_second(time_t since)
{
    struct timespec next = {.tv_sec = since + 1};
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &next, NULL);
}

static bool next_run(void *context, struct pf_pool_job *ret_job)
{
    struct recording *recording = context;
    /* One after the other: they may use the same files. */
    if (recording->begun > recording->done || recording->begun == RUNS || recording->baseline->failed ||
        recording->lost || pf_interrupts_count(NULL))
        return false;
    if (recording->begun)
        leave_second(recording->first_ended);
    *ret_job = (struct pf_pool_job){.trial = recording->trial, .id = ++recording->begun};
    return true;
}

static void take_run(void *context, const struct pf_pool_job *job, const struct pf_trial_result *trial,
                     struct pf_trace **trace)
{
    struct recording *recording = context;
    struct pf_baseline *baseline = recording->baseline;
    recording->done++;
    if (trial->verdict != PF_PASS || !*trace) {
        baseline->failed = trial->verdict == PF_FAIL;
        recording->lost = trial->verdict != PF_FAIL;
        const struct pf_event *last = *trace ? (*trace)->events[(*trace)->count - 1] : NULL;
        recording->usage = last && last->kind == PF_EVENT_END && last->end.usage;
        pf_result_add_copy(recording->result, trial);
        return;
    }
    if (job->id == 1) {
        recording->first = *trace;
        recording->first_ended = time(NULL);
        *trace = NULL;
        return;
    }
    const struct pf_fault *steps = recording->request->steps;
    baseline->points = steps ? pf_points_of_steps(recording->first, *trace, &steps->trigger)
                             : pf_points_new(recording->first, *trace);
    baseline->run_ms = trial->duration_ms;
    baseline->expect = recording->trial->expect;
    pf_baseline_expect(recording->first, *trace, baseline->points->arena, &baseline->expect);
}

static void tick(void *context)
{
    const struct recording *recording = context;
    struct pf_sweep_progress progress = {.phase = PF_SWEEP_RECORDING, .done = recording->done, .total = RUNS};
    if (recording->request->show)
        recording->request->show(recording->request->context, &progress);
}

int pf_baseline_run(const struct pf_sweep_request *request, struct pf_result *result,
                    struct pf_baseline *ret_baseline, struct pf_error *error)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_trial trial = *request->base;
    struct pf_baseline baseline = {0};
    struct recording recording = {
        .request = request, .trial = &trial, .result = result, .baseline = &baseline};
    trial.observe_descriptors = !request->steps;
    if (request->steps)
        trial.steps = &request->steps->trigger;
    else
        trial.recorded = find_calls(request, arena, &trial.recorded_count);
    trial.deadline_ns = trial.deadline_ns == PF_SWEEP_DEADLINE ? PF_DEADLINE_DEFAULT_NS : trial.deadline_ns;
    trial.replay = pf_plan_replay(&trial);
    struct pf_pool_client client = {
        .context = &recording, .next = next_run, .takes_traces = true, .done = take_run, .tick = tick};
    int r = pf_pool_run(&client, 1, error);
    if (r == 0 && recording.lost) {
        const struct pf_trial_result *last = &result->trials[result->trial_count - 1];
        r = pf_error_set(error, recording.usage ? -ENOENT : -ECANCELED, "%s", last->reason);
    } else if (r == 0 && recording.done < RUNS && !baseline.failed) {
        r = pf_error_set(error, -EINTR, "interrupted before there was anything to try");
    } else if (r == 0 && !baseline.failed && request->steps && baseline.points->count == 0) {
        r = pf_error_set(error, -ENOENT, "no process of --proc makes the call of %s that --when names",
                         request->steps->trigger.function);
    }
    pf_trace_free(recording.first);
    pf_arena_free(arena);
    if (r < 0) {
        pf_points_free(baseline.points);
        return r;
    }
    *ret_baseline = baseline;
    return 0;
}
