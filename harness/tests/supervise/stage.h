/* stage.h - plays a scene of a program, ACTOR, under faults, and looks things up in the trace that it leaves.
 */
#ifndef PF_TESTS_STAGE_H
#define PF_TESTS_STAGE_H

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>

#include "judge/judge.h"
#include "plan/plan.h"
#include "supervise/supervise.h"

static inline struct pf_trial *plan(const char *scene)
{
    struct pf_trial *trial = pf_plan_new();
    const char **command = pf_arena_alloc(trial->arena, 2 * sizeof(*command));
    command[0] = ACTOR;
    command[1] = scene;
    trial->command = command;
    trial->command_count = 2;
    trial->capture = true;
    trial->deadline_ns = 20000000000ULL;
    return trial;
}

static inline void inject(struct pf_trial *trial, const char *spec)
{
    struct pf_error error = {""};
    struct pf_fault *fault = pf_arena_grow(trial->arena, &trial->faults, &trial->fault_count, sizeof(*fault));
    cr_assert_eq(pf_fault_parse(spec, trial->arena, fault, &error), 0, "%s", error.message);
}

static inline bool is_stuck(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    (void)context;
    return pf_judge_is_stuck(trace, snapshot);
}

/* Runs a trial that is to end with this status of the harness. */
static inline struct pf_trace *run_to(struct pf_trial *trial, int expected, struct pf_error *error)
{
    struct pf_watcher watcher = {.is_stuck = is_stuck};
    struct pf_trace *trace = pf_trace_new();
    int r = pf_supervise_trial(trial, &watcher, trace, error);
    cr_assert_eq(r, expected, "%d: %s", r, error->message);
    cr_assert_eq(waitpid(-1, NULL, __WALL), -1, "a process is left behind");
    pf_plan_free(trial);
    return trace;
}

static inline struct pf_trace *run(struct pf_trial *trial)
{
    return run_to(trial, 0, &(struct pf_error){""});
}

static inline struct pf_trace *play(const char *scene)
{
    return run(plan(scene));
}

/* The nth event of a kind, from 0; NULL when there are fewer. */
static inline const struct pf_event *find(const struct pf_trace *trace, enum pf_event_kind kind, size_t n)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == kind && n-- == 0)
            return trace->events[i];
    return NULL;
}

static inline size_t count(const struct pf_trace *trace, enum pf_event_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < trace->count; i++)
        n += trace->events[i]->kind == kind;
    return n;
}

static inline const struct pf_ev_exit *exit_of(const struct pf_trace *trace, const char *process)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == PF_EVENT_EXIT && strcmp(trace->events[i]->exit.process, process) == 0)
            return &trace->events[i]->exit;
    return NULL;
}

static inline const char *output_of(const struct pf_trace *trace)
{
    char *all = pf_arena_strdup(trace->arena, "");
    const struct pf_event *event;
    for (size_t n = 0; (event = find(trace, PF_EVENT_OUTPUT, n)); n++)
        if (strcmp(event->output.stream, "stdout") == 0)
            all = pf_arena_printf(trace->arena, "%s%s", all, event->output.text);
    return all;
}

static inline enum pf_verdict_kind verdict_of(const struct pf_trace *trace)
{
    return find(trace, PF_EVENT_VERDICT, 0)->verdict.kind;
}

#endif
