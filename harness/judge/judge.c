#include "judge/judge.h"

#include "judge/account.h"
#include "judge/case.h"
#include "judge/diagnosis.h"
#include "judge/expectation.h"
#include "judge/oracles/oracle.h"
#include "judge/picture.h"
#include "judge/shape.h"

/* The snapshot before `snapshot` in the trace, or NULL. */
static const struct pf_snapshot *snapshot_before(const struct pf_trace *trace,
                                                 const struct pf_snapshot *snapshot)
{
    const struct pf_snapshot *before = NULL;
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        if (event->kind != PF_EVENT_SNAPSHOT)
            continue;
        if (&event->snapshot == snapshot)
            break;
        before = &event->snapshot;
    }
    return before;
}

/*
 * While others run, one look is not enough: what it saw of two threads may not have been true at one moment.
 * The same knot in two looks was there all the time between them.
 */
static bool is_proof(const struct pf_trace *trace, const struct pf_graph *graph)
{
    if (!graph->stuck_count)
        return false;
    if (graph->snapshot->reason == PF_SNAPSHOT_QUIET)
        return true;
    const struct pf_snapshot *before = snapshot_before(trace, graph->snapshot);
    return before && pf_graph_same_knot(graph, graph->trusting ? pf_graph_trust(before, graph->arena)
                                                               : pf_graph_new(before, graph->arena));
}

bool pf_judge_is_stuck(const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    struct pf_arena *arena = pf_arena_new();
    bool stuck = is_proof(trace, pf_graph_new(snapshot, arena));
    pf_arena_free(arena);
    return stuck;
}

static struct pf_environment copy_environment(const struct pf_environment *environment,
                                              struct pf_arena *arena)
{
    return (struct pf_environment){
        .pitfall = pf_arena_strdup(arena, environment->pitfall),
        .kernel = pf_arena_strdup(arena, environment->kernel),
        .machine = pf_arena_strdup(arena, environment->machine),
        .containment = pf_arena_strdup(arena, environment->containment),
        .containment_note = pf_arena_strdup(arena, environment->containment_note),
        .isolated = environment->isolated,
        .isolation_note = pf_arena_strdup(arena, environment->isolation_note),
    };
}

static void copy_plan(struct pf_case *c)
{
    struct pf_trial_result *trial = c->trial;
    const struct pf_ev_begin *begin = c->begin;
    trial->scenario = pf_arena_strdup(c->arena, begin->scenario);
    trial->variant = pf_arena_strdup(c->arena, begin->variant);
    for (size_t i = 0; i < begin->command_count; i++)
        *(const char **)pf_arena_grow(c->arena, &trial->command, &trial->command_count,
                                      sizeof(*trial->command)) = pf_arena_strdup(c->arena, begin->command[i]);
    trial->expect = pf_expect_copy(&begin->expect, c->arena);
    trial->environment = copy_environment(&begin->environment, c->arena);
    trial->replay = pf_arena_strdup(c->arena, begin->replay);
    trial->attached = begin->attached;
}

/* Whether anybody is stuck, and how sure that is. */
static void weigh(struct pf_case *c)
{
    enum pf_verdict_kind kind = pf_case_verdict(c);
    if (!c->history->snapshot)
        return;
    const struct pf_snapshot *snapshot = &c->history->snapshot->snapshot;
    c->graph = pf_graph_new(snapshot, c->scratch);
    c->proven = (kind == PF_VERDICT_PROVEN || kind == PF_VERDICT_OBSERVED) && is_proof(c->trace, c->graph);
    c->stuck = c->proven;
    if (c->proven || kind != PF_VERDICT_OBSERVED)
        return;
    struct pf_graph *trusting = pf_graph_trust(snapshot, c->scratch);
    c->stuck = is_proof(c->trace, trusting);
    if (c->stuck)
        c->graph = trusting;
}

void pf_judge_trace(const struct pf_trace *trace, struct pf_result *result)
{
    struct pf_arena *scratch = pf_arena_new();
    struct pf_case c = {
        .trace = trace,
        .begin = pf_trace_begin(trace),
        .history = pf_history_new(trace, scratch),
        .scratch = scratch,
        .arena = result->arena,
        .trial = pf_result_add(result),
    };
    weigh(&c);
    copy_plan(&c);
    for (const struct pf_oracle *oracle = pf_oracles; oracle->name; oracle++)
        oracle->examine(&c);
    pf_diagnose(&c);
    pf_shape_describe(&c);
    pf_account_faults(&c);
    pf_account_end(&c);
    pf_account_output(&c);
    pf_expectation_judge(&c);
    pf_arena_free(scratch);
}

void pf_judge_moment(const struct pf_trace *trace, const struct pf_event *snapshot, struct pf_result *result)
{
    struct pf_arena *scratch = pf_arena_new();
    struct pf_history *history = pf_history_new(trace, scratch);
    history->snapshot = snapshot;
    struct pf_case c = {
        .trace = trace,
        .begin = pf_trace_begin(trace),
        .history = history,
        .graph = pf_graph_new(&snapshot->snapshot, scratch),
        .scratch = scratch,
        .arena = result->arena,
        .trial = pf_result_add(result),
    };
    copy_plan(&c);
    c.trial->diagnosis = pf_arena_alloc(c.arena, sizeof(*c.trial->diagnosis));
    pf_picture_draw(&c);
    pf_arena_free(scratch);
}
