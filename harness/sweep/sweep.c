#include "sweep/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"
#include "sweep/baseline.h"
#include "sweep/campaign.h"
#include "sweep/group.h"
#include "sweep/interrupts.h"
#include "sweep/sequel.h"

/* The deadline of a trial: so many times what a run without faults takes, and at least so long. */
static const uint64_t DEADLINE_TIMES = 10, DEADLINE_LEAST_NS = 2000000000ULL, NS_PER_S = 1000000000ULL;

/* Which part of which plan the result is. */
static void describe(const struct pf_campaign *campaign)
{
    struct pf_result *result = campaign->result;
    struct pf_arena *arena = result->arena;
    const struct pf_shard *shard = &campaign->request->shard;
    result->part = pf_arena_alloc(arena, sizeof(*result->part));
    *result->part = (struct pf_part){.plan = pf_arena_strdup(arena, campaign->plan->fingerprint),
                                     .trials = campaign->plan->count,
                                     .of = shard->count};
    *(uint64_t *)pf_arena_grow(arena, &result->part->shards, &result->part->shard_count,
                               sizeof(*result->part->shards)) = shard->index;
    if (pf_interrupts_count(NULL))
        result->part->stopped = PF_STOPPED_INTERRUPT;
    else if (campaign->progress.done < campaign->progress.total)
        result->part->stopped = PF_STOPPED_BUDGET;
    result->sweep->points = campaign->plan->points;
    result->sweep->startup = campaign->plan->startup;
    result->sweep->repetitions = campaign->plan->repetitions;
    result->sweep->deadline_ns = campaign->base.deadline_ns;
    for (size_t i = 0; i < campaign->plan->count; i++)
        result->sweep->cut |= campaign->plan->planned[i].point->cut;
}

static void copy_command(struct pf_campaign *campaign)
{
    struct pf_arena *arena = campaign->result->arena;
    size_t count = campaign->base.command_count;
    campaign->command = pf_arena_alloc(arena, (count + 1) * sizeof(*campaign->command));
    for (size_t i = 0; i < count; i++)
        campaign->command[i] = pf_arena_strdup(arena, campaign->base.command[i]);
}

/* A call stack that the result has a copy of. */
struct copied {
    const char *const *from;
    const char **to;
};

/* The stack of a point, in the result, which outlives it; points share theirs, and so do trials. */
static const char **copy_stack(const struct pf_campaign *campaign, const struct pf_point *point,
                               struct copied **copies, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        if ((*copies)[i].from == point->stack)
            return (*copies)[i].to;
    struct pf_arena *arena = campaign->result->arena;
    const char **stack = pf_arena_alloc(arena, (point->stack_count + 1) * sizeof(*stack));
    for (size_t i = 0; i < point->stack_count; i++)
        stack[i] = pf_arena_strdup(arena, point->stack[i]);
    struct copied *copy = pf_arena_grow(campaign->scratch, copies, count, sizeof(*copy));
    *copy = (struct copied){.from = point->stack, .to = stack};
    return stack;
}

/* What the trials have in common: the command, and with those that did not pass the stacks of their points.
 */
static void add_shared(const struct pf_campaign *campaign)
{
    struct pf_result *result = campaign->result;
    struct copied *copies = NULL;
    size_t copy_count = 0;
    for (size_t i = 0; i < result->trial_count; i++) {
        struct pf_trial_result *trial = &result->trials[i];
        const struct pf_point *point =
            campaign->plan->planned[pf_sequel_of(campaign->plan, trial->id).origin - 1].point;
        trial->command = campaign->command;
        trial->command_count = campaign->base.command_count;
        if (trial->verdict != PF_FAIL && trial->verdict != PF_ERROR)
            continue;
        trial->stack = copy_stack(campaign, point, &copies, &copy_count);
        trial->stack_count = point->stack_count;
    }
}

static uint64_t choose_deadline(const struct pf_trial *base, double run_ms)
{
    if (base->deadline_ns != PF_SWEEP_DEADLINE)
        return base->deadline_ns;
    uint64_t ns = DEADLINE_TIMES * (uint64_t)(run_ms * 1e6);
    ns = (ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S; /* whole seconds read better */
    return ns > DEADLINE_LEAST_NS ? ns : DEADLINE_LEAST_NS;
}

/* Is what is to be resumed of this plan? Then its failures are known. */
static int adopt(struct pf_campaign *campaign, struct pf_error *error)
{
    const struct pf_result *earlier = campaign->request->resume;
    const struct pf_sweep_plan *plan = campaign->plan;
    if (!earlier)
        return 0;
    if (!earlier->sweep || !earlier->part)
        return pf_error_set(error, -EINVAL, "what is to be resumed is no result of a sweep");
    if (strcmp(earlier->part->plan, plan->fingerprint) != 0)
        return pf_error_set(error, -EINVAL,
                            "what is to be resumed is of another plan (%s, and this is %s): the command, the "
                            "options or the program have changed, or its calls differ from run to run",
                            earlier->part->plan, plan->fingerprint);
    campaign->result->sweep->failures = earlier->sweep->failures;
    campaign->result->sweep->failure_count = earlier->sweep->failure_count;
    return 0;
}

static int carry_out(struct pf_campaign *campaign, const struct pf_recorded *recorded, uint64_t end_ns,
                     struct pf_error *error)
{
    const struct pf_sweep_request *request = campaign->request;
    campaign->base.deadline_ns = choose_deadline(request->base, recorded->run_ms);
    campaign->base.expect = recorded->expect;
    campaign->plan = recorded->plan;
    bool steps = campaign->plan->count && campaign->plan->planned[0].point->step;
    campaign->base.observe_descriptors = !steps; /* their faults only end processes, or signal */
    campaign->scratch = pf_arena_new();
    copy_command(campaign);
    campaign->result->sweep->unsteady = !recorded->expect.printed;
    int r = adopt(campaign, error);
    if (r == 0)
        r = pf_sweep_try(campaign, error);
    if (r == 0) {
        describe(campaign);
        add_shared(campaign);
        pf_sweep_group(campaign->result);
        campaign->stop_ns = end_ns;
        r = pf_sweep_minimise(campaign, error);
    }
    pf_arena_free(campaign->scratch);
    return r;
}

int pf_sweep_record(const struct pf_sweep_request *request, struct pf_result *result,
                    struct pf_recorded **ret_recorded, struct pf_error *error)
{
    struct pf_baseline baseline;
    int r = pf_baseline_run(request, result, &baseline, error);
    if (r < 0)
        return r;
    *ret_recorded = NULL;
    if (baseline.failed) {
        pf_points_free(baseline.points);
        return 0;
    }
    struct pf_recorded *recorded = calloc(1, sizeof(*recorded));
    if (!recorded)
        abort();
    *recorded = (struct pf_recorded){
        .command = request->base->command,
        .command_count = request->base->command_count,
        .points = baseline.points,
        .expect = baseline.expect,
        .run_ms = baseline.run_ms,
        .plan = request->steps
                    ? pf_sweep_plan_steps(baseline.points, request->steps->actions[0].text, request->base)
                    : pf_sweep_plan_new(baseline.points, &request->scope, request->base),
    };
    *ret_recorded = recorded;
    return 0;
}

int pf_sweep_run(const struct pf_sweep_request *request, struct pf_result *result, struct pf_error *error)
{
    struct pf_campaign campaign = {
        .request = request,
        .base = *request->base,
        .result = result,
        .stop_ns = UINT64_MAX,
    };
    uint64_t begun = pf_campaign_now_ns();
    struct pf_recorded *own = NULL;
    if (request->budget_ns)
        campaign.stop_ns = begun + request->budget_ns / 5 * 4; /* the rest is for making failures small */
    int r = request->recorded ? 0 : pf_sweep_record(request, result, &own, error);
    const struct pf_recorded *recorded = request->recorded ? request->recorded : own;
    if (r < 0 || !recorded)
        return r;
    result->sweep = pf_arena_alloc(result->arena, sizeof(*result->sweep));
    r = carry_out(&campaign, recorded, request->budget_ns ? begun + request->budget_ns : UINT64_MAX, error);
    pf_recorded_free(own);
    return r;
}
