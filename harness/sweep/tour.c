/*
 * The trials of a plan on their way through the pool: what is run next, and what is kept of what has ended.
 */
#include <stdlib.h>

#include "plan/plan.h"
#include "sweep/campaign.h"
#include "sweep/harvest.h"
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
    struct pf_harvest *harvest;
    bool *tried;         /* per trial, planned or not: an earlier sweep has done it */
    size_t next;         /* number in the plan, from 0 */
    struct again *again; /* as many as jobs: who is to be run again is run next */
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
        if (pf_shard_has(&campaign->request->shard, tour->next++) && !tour->tried[tour->next - 1])
            next = (struct again){.id = tour->next, .attempt = 1};
    while (!next.id && tour->sequels_begun < tour->sequel_count) {
        uint64_t id = tour->sequels[tour->sequels_begun++];
        if (!tour->tried[id - 1])
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

/* What is known of a trial that nothing was heard of: what it was to be struck by. */
static struct pf_fault_account *planned_accounts(const struct pf_trial *trial, size_t first,
                                                 struct pf_arena *arena)
{
    struct pf_fault_account *accounts = pf_arena_alloc(arena, trial->fault_count * sizeof(*accounts));
    for (size_t i = first; i < trial->fault_count; i++)
        accounts[i - first] = (struct pf_fault_account){.spec = trial->faults[i].spec, .armed = true};
    return accounts;
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

static void take_over(struct tour *tour, const struct pf_trial_result *trial)
{
    struct pf_sweep_progress *progress = &tour->campaign->progress;
    pf_harvest_add(tour->harvest, trial);
    progress->done++;
    progress->outcomes[trial->outcome]++;
    add_sequels(tour, trial);
}

/* What an earlier sweep has tried. What the harness could not do then is tried again. */
static void resume(struct tour *tour)
{
    struct pf_campaign *campaign = tour->campaign;
    const struct pf_result *earlier = campaign->request->resume;
    for (size_t i = 0; earlier && i < earlier->trial_count; i++) {
        const struct pf_trial_result *trial = &earlier->trials[i];
        if (trial->id == 0 || trial->id >= pf_sequel_end(campaign->plan) || tour->tried[trial->id - 1] ||
            !pf_shard_has(&campaign->request->shard, (trial->id - 1) % campaign->plan->count) ||
            trial->verdict == PF_ERROR)
            continue;
        tour->tried[trial->id - 1] = true;
        take_over(tour, trial);
    }
}

/* A trial that did not come to its point has tested nothing. */
static void call_untested(struct pf_trial_result *trial)
{
    trial->reason =
        pf_campaign_is_held_up(trial)
            ? "held up: in three runs a fault of yours kept the program for what did not come any more"
            : "never reached: in three runs the program did not come to this point";
    trial->verdict = PF_SKIP;
}

static void keep(struct tour *tour, const struct flight *flight, const struct pf_trial_result *trial)
{
    struct pf_campaign *campaign = tour->campaign;
    const struct pf_point *point =
        campaign->plan->planned[pf_sequel_of(campaign->plan, flight->id).origin - 1].point;
    size_t given = campaign->request->base->fault_count;
    struct pf_arena *scratch = pf_arena_new();
    struct pf_trial_result judged = *trial;
    if (pf_campaign_is_unfired(trial, given))
        call_untested(&judged);
    else
        pf_campaign_settle(&judged);
    judged.id = flight->id;
    judged.instruction = point->instruction;
    judged.instructions = point->instructions;
    judged.stack = point->stack;
    judged.stack_count = point->stack_count;
    if (judged.fault_count < flight->trial->fault_count) {
        judged.faults = planned_accounts(flight->trial, given, scratch);
        judged.fault_count = flight->trial->fault_count - given;
    } else if (judged.verdict == PF_PASS || judged.verdict == PF_SKIP) {
        judged.faults += given; /* the user's are the same in each trial */
        judged.fault_count -= given;
    }
    take_over(tour, &judged);
    pf_arena_free(scratch);
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
        tour->again[tour->again_count++] = (struct again){.id = flight->id, .attempt = flight->attempt + 1};
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
    struct tour tour = {.campaign = campaign, .harvest = pf_harvest_new()};
    struct pf_arena *arena = campaign->scratch;
    tour.tried = pf_arena_alloc(arena, pf_sequel_end(campaign->plan) * sizeof(*tour.tried));
    tour.again = pf_arena_alloc(arena, campaign->request->jobs * sizeof(*tour.again));
    tour.flights = pf_arena_alloc(arena, campaign->request->jobs * sizeof(*tour.flights));
    campaign->progress.phase = PF_SWEEP_TRYING;
    campaign->progress.total = count_share(campaign->plan, &campaign->request->shard);
    resume(&tour);
    struct pf_pool_client client = {.context = &tour,
                                    .next = next_trial,
                                    .make = make_trial,
                                    .brief = true,
                                    .done = take_trial,
                                    .tick = tick};
    int r = pf_pool_run(&client, campaign->request->jobs, error);
    pf_harvest_deliver(tour.harvest, campaign->result);
    pf_harvest_free(tour.harvest);
    return r;
}
