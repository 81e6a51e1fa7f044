/*
 * The trials of a plan on their way through the pool: what is run next, and what is kept of what has ended.
 */
#include <stdlib.h>

#include "plan/plan.h"
#include "sweep/campaign.h"
#include "sweep/interrupts.h"
#include "sweep/pool.h"
#include "sweep/sequel.h"

/* So many times a trial is run until its fault strikes. */
enum { ATTEMPTS = 3 };

/* A job is a trial of the plan, and which attempt at it. */
enum { ATTEMPT_SHIFT = 60 };
static const uint64_t TRIAL_OF_JOB = (1ULL << ATTEMPT_SHIFT) - 1;

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
        kept->reason =
            pf_campaign_is_held_up(trial)
                ? "held up: in three runs a fault of yours kept the program for what did not come any more"
                : "never reached: in three runs the program did not come to this point";
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

int pf_sweep_try(struct pf_campaign *campaign, struct pf_error *error)
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
