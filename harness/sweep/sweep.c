#include "sweep/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/plan.h"
#include "sweep/campaign.h"
#include "sweep/group.h"
#include "sweep/interrupts.h"
#include "sweep/pool.h"
#include "sweep/sequel.h"

/* So many times a trial is run until its fault strikes. */
enum { ATTEMPTS = 3 };

/* A job is a trial of the plan, and which attempt at it. */
enum { ATTEMPT_SHIFT = 60 };
static const uint64_t TRIAL_OF_JOB = (1ULL << ATTEMPT_SHIFT) - 1;

/* The deadline of a trial: so many times what a run without faults takes, and at least so long. */
static const uint64_t DEADLINE_TIMES = 10, DEADLINE_LEAST_NS = 2000000000ULL, NS_PER_S = 1000000000ULL;

/* The trials of a plan on their way through the pool. */
struct tour {
    struct pf_campaign *campaign;
    size_t next; /* number in the plan, from 0 */
    struct again *again;
    size_t again_count;
    uint64_t *sequels; /* numbers of trials beyond the plan, to be run when that is done */
    size_t sequel_count, sequels_begun;
    struct flight *flights; /* what is being run; as many as jobs */
};

/* A trial that is to be run once more. */
struct again {
    uint64_t id;
    size_t attempt;
};

struct flight {
    uint64_t id; /* 0: free */
    size_t attempt;
    struct pf_trial *trial;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool pf_campaign_is_over(const struct pf_campaign *campaign)
{
    return pf_interrupts_count(NULL) || now_ns() >= campaign->stop_ns;
}

void pf_campaign_show(const struct pf_campaign *campaign)
{
    if (campaign->request->show)
        campaign->request->show(campaign->request->context, &campaign->progress);
}

struct pf_trial *pf_campaign_trial(const struct pf_trial *base, const char *const *specs, size_t spec_count)
{
    struct pf_trial *trial = pf_plan_new();
    struct pf_arena *arena = trial->arena;
    *trial = *base;
    trial->arena = arena;
    trial->fault_count = spec_count;
    trial->faults = pf_arena_alloc(arena, (spec_count + 1) * sizeof(*trial->faults));
    for (size_t i = 0; i < spec_count; i++)
        if (pf_fault_parse(specs[i], arena, &trial->faults[i], NULL) < 0)
            abort();
    trial->replay = pf_plan_replay(trial);
    return trial;
}

static bool has_unfired(const struct pf_trial_result *trial)
{
    for (size_t i = 0; i < trial->finding_count; i++)
        if (trial->findings[i].kind == PF_FINDING_UNFIRED)
            return trial->verdict == PF_ERROR;
    return false;
}

bool pf_campaign_is_unfired(const struct pf_trial_result *trial, size_t first)
{
    bool struck = true;
    for (size_t i = first; i < trial->fault_count; i++)
        struck = struck && trial->faults[i].fired;
    return has_unfired(trial) && !struck;
}

static struct pf_trial *planned_trial(const struct pf_campaign *campaign, uint64_t id, size_t attempt)
{
    struct pf_arena *scratch = pf_arena_new();
    const struct pf_trial *base = campaign->request->base;
    const struct pf_sequel sequel = pf_sequel_of(campaign->plan, id);
    size_t count = base->fault_count + sequel.count;
    const char **specs = pf_arena_alloc(scratch, count * sizeof(*specs));
    for (size_t i = 0; i < base->fault_count; i++)
        specs[i] = base->faults[i].spec;
    for (size_t i = 0; i < sequel.count; i++)
        specs[base->fault_count + i] = pf_strike_text(&sequel.strikes[i], scratch);
    struct pf_trial *trial = pf_campaign_trial(&campaign->base, specs, count);
    /* A call that went another way than it was recorded has not come by there. */
    if (attempt == 1)
        trial->faults[base->fault_count].trigger.waypoint =
            campaign->plan->planned[sequel.origin - 1].point->waypoint;
    pf_arena_free(scratch);
    return trial;
}

static struct pf_trial *make_trial(void *context, uint64_t id)
{
    return planned_trial(((struct tour *)context)->campaign, id & TRIAL_OF_JOB,
                         (size_t)(id >> ATTEMPT_SHIFT));
}

static struct flight *find_flight(struct tour *tour, uint64_t id)
{
    for (size_t i = 0; i < tour->campaign->request->jobs; i++)
        if (tour->flights[i].id == id)
            return &tour->flights[i];
    abort();
}

static bool next_trial(void *context, struct pf_pool_job *ret_job)
{
    struct tour *tour = context;
    struct pf_campaign *campaign = tour->campaign;
    struct again next = {0};
    if (pf_campaign_is_over(campaign))
        return false;
    if (tour->again_count)
        next = tour->again[--tour->again_count];
    while (!next.id && tour->next < campaign->plan->count)
        if (pf_shard_has(&campaign->request->shard, tour->next++) && !campaign->tried[tour->next - 1])
            next = (struct again){.id = tour->next, .attempt = 1};
    while (!next.id && tour->sequels_begun < tour->sequel_count) {
        uint64_t id = tour->sequels[tour->sequels_begun++];
        if (!campaign->tried[id - 1])
            next = (struct again){.id = id, .attempt = 1};
    }
    if (!next.id)
        return false;
    struct flight *flight = find_flight(tour, 0);
    *flight = (struct flight){
        .id = next.id, .attempt = next.attempt, .trial = planned_trial(campaign, next.id, next.attempt)};
    *ret_job =
        (struct pf_pool_job){.trial = flight->trial, .id = next.id | (uint64_t)next.attempt << ATTEMPT_SHIFT};
    return true;
}

/* What a pass has left to be said: warnings. */
static void add_warnings(struct pf_arena *arena, const struct pf_trial_result *trial,
                         struct pf_trial_result *small)
{
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (finding->severity != PF_SEVERITY_WARN)
            continue;
        struct pf_finding *kept =
            pf_arena_grow(arena, &small->findings, &small->finding_count, sizeof(*small->findings));
        *kept = (struct pf_finding){.kind = finding->kind,
                                    .severity = finding->severity,
                                    .process = pf_arena_strdup(arena, finding->process),
                                    .message = pf_arena_strdup(arena, finding->message)};
    }
}

/* Of a sweep's own faults what they were, and how often they struck. */
static struct pf_fault_account *account_briefly(const struct pf_campaign *campaign,
                                                const struct pf_trial *trial,
                                                const struct pf_trial_result *judged, size_t *ret_count)
{
    struct pf_arena *arena = campaign->result->arena;
    struct pf_fault_account *accounts = NULL;
    *ret_count = 0;
    for (size_t i = campaign->request->base->fault_count; i < trial->fault_count; i++) {
        const struct pf_fault_account *whole = i < judged->fault_count ? &judged->faults[i] : NULL;
        *(struct pf_fault_account *)pf_arena_grow(arena, &accounts, ret_count, sizeof(*accounts)) =
            (struct pf_fault_account){.spec = pf_arena_strdup(arena, trial->faults[i].spec),
                                      .armed = true,
                                      .fired = whole ? whole->fired : 0,
                                      .met = whole ? whole->met : 0};
    }
    return accounts;
}

/* A trial that passed is told in few words: there are thousands of them. */
static void add_passed(struct pf_campaign *campaign, const struct pf_trial *planned,
                       const struct pf_trial_result *trial, struct pf_trial_result *ret_small)
{
    struct pf_arena *arena = campaign->result->arena;
    *ret_small = (struct pf_trial_result){
        .command = campaign->command,
        .command_count = campaign->base.command_count,
        .verdict = trial->verdict,
        .reason = pf_arena_strdup(arena, trial->reason),
        .duration_ms = trial->duration_ms,
    };
    ret_small->faults = account_briefly(campaign, planned, trial, &ret_small->fault_count);
    add_warnings(arena, trial, ret_small);
    if (!trial->exit)
        return;
    ret_small->exit = pf_arena_alloc(arena, sizeof(*trial->exit));
    *ret_small->exit = *trial->exit;
    ret_small->exit->signal = pf_arena_strdup(arena, trial->exit->signal);
}

/* What the user lets strike in all trials struck in the runs that came first. Where it does not any more, the
 * fault of this trial has led the program another way, and what it does there is the trial's result. */
static void judge_without(struct pf_trial_result *trial)
{
    trial->verdict = PF_PASS;
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (finding->severity == PF_SEVERITY_FAIL && finding->kind != PF_FINDING_UNFIRED)
            trial->verdict = PF_FAIL;
    }
    trial->reason = NULL;
}

/* The error status of a program that was told that something is wrong is no failure, nor is a limit that was
 * reached because the fault lowered it. */
void pf_campaign_settle(struct pf_trial_result *trial)
{
    if (has_unfired(trial))
        judge_without(trial);
    trial->outcome = pf_sweep_outcome(trial);
    if (trial->verdict != PF_FAIL)
        return;
    if (trial->outcome <= PF_OUTCOME_GRACEFUL)
        trial->verdict = PF_PASS;
    trial->reason = trial->verdict == PF_FAIL ? pf_sweep_reason(trial) : NULL;
}

/* What a trial gives rise to. */
static void add_sequels(struct tour *tour, const struct pf_trial_result *trial)
{
    struct pf_campaign *campaign = tour->campaign;
    uint64_t ids[PF_SEQUELS_MOST];
    const struct pf_fault_account *last = trial->fault_count ? &trial->faults[trial->fault_count - 1] : NULL;
    if (!last || !last->fired || (trial->verdict != PF_PASS && trial->verdict != PF_FAIL))
        return;
    bool with_kill = campaign->request->scope.kinds & PF_SWEEP_KILL;
    size_t count = pf_sequels_of(campaign->plan, trial->id, last->met, with_kill, ids);
    for (size_t i = 0; i < count; i++)
        *(uint64_t *)pf_arena_grow(campaign->scratch, &tour->sequels, &tour->sequel_count,
                                   sizeof(*tour->sequels)) = ids[i];
    campaign->progress.total += count;
}

static void keep(struct tour *tour, const struct flight *flight, const struct pf_trial_result *trial)
{
    struct pf_campaign *campaign = tour->campaign;
    const struct pf_sweep_plan *plan = campaign->plan;
    const struct pf_point *point = plan->planned[pf_sequel_of(plan, flight->id).origin - 1].point;
    struct pf_trial_result judged = *trial;
    bool unfired = pf_campaign_is_unfired(trial, campaign->request->base->fault_count);
    if (!unfired)
        pf_campaign_settle(&judged);
    struct pf_trial_result *kept;
    if (judged.verdict == PF_FAIL || (judged.verdict == PF_ERROR && !unfired)) {
        kept = pf_result_add_copy(campaign->result, &judged);
        kept->command = campaign->command;
        if (!kept->fault_count) /* nothing is known of the trial but what it was to be */
            kept->faults = account_briefly(campaign, flight->trial, &judged, &kept->fault_count);
        kept->stack = point->stack;
        kept->stack_count = point->stack_count;
    } else {
        kept = pf_result_add(campaign->result);
        add_passed(campaign, flight->trial, &judged, kept);
    }
    kept->id = flight->id;
    kept->instruction = point->instruction;
    kept->instructions = point->instructions;
    kept->outcome = judged.outcome;
    if (unfired) {
        kept->verdict = PF_SKIP;
        kept->reason = "never reached: in three runs the program did not come to this point";
    }
    campaign->progress.done++;
    campaign->progress.outcomes[kept->outcome]++;
    add_sequels(tour, kept);
}

static void take_trial(void *context, const struct pf_pool_job *job, const struct pf_trial_result *trial,
                       struct pf_trace **trace)
{
    (void)trace;
    struct tour *tour = context;
    struct flight *flight = find_flight(tour, job->id & TRIAL_OF_JOB);
    bool interrupted = pf_interrupts_count(NULL) > 1;
    size_t given = tour->campaign->request->base->fault_count;
    if (pf_campaign_is_unfired(trial, given) && flight->attempt < ATTEMPTS)
        *(struct again *)pf_arena_grow(tour->campaign->scratch, &tour->again, &tour->again_count,
                                       sizeof(*tour->again)) =
            (struct again){.id = flight->id, .attempt = flight->attempt + 1};
    else if (!interrupted)
        keep(tour, flight, trial);
    pf_plan_free(flight->trial);
    *flight = (struct flight){0};
    pf_campaign_show(tour->campaign);
}

static void tick(void *context)
{
    pf_campaign_show(((struct tour *)context)->campaign);
}

static size_t count_share(const struct pf_sweep_plan *plan, const struct pf_shard *shard)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += pf_shard_has(shard, i);
    return count;
}

/* Runs the plan, or our part of it. */
static int try_all(struct pf_campaign *campaign, struct pf_error *error)
{
    struct tour tour = {.campaign = campaign};
    struct pf_arena *arena = pf_arena_new();
    tour.flights = pf_arena_alloc(arena, campaign->request->jobs * sizeof(*tour.flights));
    campaign->progress.phase = PF_SWEEP_TRYING;
    campaign->progress.total = count_share(campaign->plan, &campaign->request->shard);
    for (size_t i = 0; i < campaign->result->trial_count; i++)
        add_sequels(&tour, &campaign->result->trials[i]); /* of what an earlier sweep has tried */
    struct pf_pool_client client = {.context = &tour,
                                    .next = next_trial,
                                    .make = make_trial,
                                    .brief = true,
                                    .done = take_trial,
                                    .tick = tick};
    int r = pf_pool_run(&client, campaign->request->jobs, error);
    pf_arena_free(arena);
    pf_result_sort(campaign->result);
    return r;
}

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

/* The stacks of points are gone with them; trials that failed keep theirs. */
static void keep_stacks(struct pf_result *result)
{
    for (size_t i = 0; i < result->trial_count; i++) {
        struct pf_trial_result *trial = &result->trials[i];
        const char **stack = pf_arena_alloc(result->arena, (trial->stack_count + 1) * sizeof(*stack));
        for (size_t k = 0; k < trial->stack_count; k++)
            stack[k] = pf_arena_strdup(result->arena, trial->stack[k]);
        trial->stack = trial->stack_count ? stack : NULL;
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

/* Takes over what an earlier sweep has tried. What the harness could not do then is tried again. */
static int adopt(struct pf_campaign *campaign, struct pf_error *error)
{
    const struct pf_result *earlier = campaign->request->resume;
    const struct pf_sweep_plan *plan = campaign->plan;
    campaign->tried = pf_arena_alloc(campaign->scratch, pf_sequel_end(plan));
    if (!earlier)
        return 0;
    if (!earlier->sweep || !earlier->part)
        return pf_error_set(error, -EINVAL, "what is to be resumed is no result of a sweep");
    if (strcmp(earlier->part->plan, plan->fingerprint) != 0)
        return pf_error_set(error, -EINVAL,
                            "what is to be resumed is of another plan (%s, and this is %s): the command, the "
                            "options or the program have changed, or its calls differ from run to run",
                            earlier->part->plan, plan->fingerprint);
    for (size_t i = 0; i < earlier->trial_count; i++) {
        const struct pf_trial_result *trial = &earlier->trials[i];
        if (trial->id == 0 || trial->id >= pf_sequel_end(plan) || campaign->tried[trial->id - 1] ||
            !pf_shard_has(&campaign->request->shard, (trial->id - 1) % plan->count) ||
            trial->verdict == PF_ERROR)
            continue;
        pf_result_add_copy(campaign->result, trial);
        campaign->tried[trial->id - 1] = true;
        campaign->progress.done++;
        campaign->progress.outcomes[trial->outcome]++;
    }
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
        r = try_all(campaign, error);
    if (r == 0) {
        describe(campaign);
        keep_stacks(campaign->result);
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
    uint64_t begun = now_ns();
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
