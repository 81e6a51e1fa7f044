/*
 * What of a failure is needed for it: each part of its fault is left out or made simpler in turn, and stays
 * so where the trial still fails in the same way. Then the line is tried again some times.
 */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"
#include "sweep/campaign.h"
#include "sweep/group.h"
#include "sweep/interrupts.h"
#include "sweep/pool.h"

enum { REPLAYS = 3 };

/* Ways to make a fault simpler, in the order in which they are tried. */
enum step {
    STEP_BASE,   /* without the faults that the user gave */
    STEP_ONCE,   /* once only, instead of from then on */
    STEP_PROC,   /* without proc= */
    STEP_REPLAY, /* no more steps: is it shown again? */
    STEP__COUNT,
};

/* One unique failure on its way. */
struct reduction {
    struct pf_failure *failure;
    const struct pf_trial_result *sample; /* its first trial */
    const char *signature;
    struct pf_strike strike; /* as small as is known so far */
    bool without_base;
    enum step step;
    struct pf_strike tried; /* what is being run */
    bool tried_without_base;
    struct pf_trial *trial; /* NULL: none is running */
    size_t replays, replayed;
};

struct reducing {
    struct pf_campaign *campaign;
    struct reduction *reductions;
    size_t count;
};

static struct pf_trial *trial_of(const struct pf_campaign *campaign, const struct pf_strike *strike,
                                 bool without_base)
{
    struct pf_arena *scratch = pf_arena_new();
    const struct pf_trial *base = campaign->request->base;
    size_t kept = without_base ? 0 : base->fault_count;
    const char **specs = pf_arena_alloc(scratch, (kept + 1) * sizeof(*specs));
    for (size_t i = 0; i < kept; i++)
        specs[i] = base->faults[i].spec;
    specs[kept] = pf_strike_text(strike, scratch);
    struct pf_trial *trial = pf_campaign_trial(campaign, specs, kept + 1);
    pf_arena_free(scratch);
    return trial;
}

/* Makes the next trial of the reduction, or returns false: it is done. */
static bool advance(const struct pf_campaign *campaign, struct reduction *reduction)
{
    for (; reduction->step < STEP_REPLAY; reduction->step++) {
        struct pf_strike simpler = reduction->strike;
        bool without_base = reduction->without_base;
        if (reduction->step == STEP_BASE && campaign->request->base->fault_count)
            without_base = true;
        else if (reduction->step == STEP_ONCE && simpler.last != simpler.first)
            simpler.last = simpler.first;
        else if (reduction->step == STEP_PROC && simpler.proc)
            simpler.proc = NULL;
        else
            continue;
        reduction->tried = simpler;
        reduction->tried_without_base = without_base;
        return true;
    }
    reduction->tried = reduction->strike;
    reduction->tried_without_base = reduction->without_base;
    return reduction->replays < REPLAYS;
}

static bool next_trial(void *context, struct pf_pool_job *ret_job)
{
    struct reducing *reducing = context;
    if (pf_campaign_is_over(reducing->campaign))
        return false;
    for (size_t i = 0; i < reducing->count; i++) {
        struct reduction *reduction = &reducing->reductions[i];
        if (reduction->trial || !advance(reducing->campaign, reduction))
            continue;
        reduction->trial = trial_of(reducing->campaign, &reduction->tried, reduction->tried_without_base);
        *ret_job = (struct pf_pool_job){.trial = reduction->trial, .id = i};
        return true;
    }
    return false;
}

/* Does the trial fail as the sample did? */
static bool shows(const struct reduction *reduction, const struct pf_trial_result *trial)
{
    struct pf_trial_result judged = *trial;
    if (trial->verdict != PF_FAIL)
        return false;
    judged.outcome = pf_sweep_outcome(trial);
    judged.stack = reduction->sample->stack;
    judged.stack_count = reduction->sample->stack_count;
    struct pf_arena *scratch = pf_arena_new();
    bool same = strcmp(pf_sweep_signature(&judged, scratch), reduction->signature) == 0;
    pf_arena_free(scratch);
    return same;
}

static void take_trial(void *context, const struct pf_pool_job *job, const struct pf_trial_result *trial,
                       struct pf_trace **trace)
{
    (void)trace;
    struct reducing *reducing = context;
    struct reduction *reduction = &reducing->reductions[job->id];
    struct pf_arena *arena = reducing->campaign->result->arena;
    bool shown = shows(reduction, trial);
    if (reduction->step == STEP_REPLAY) {
        reduction->failure->replays = ++reduction->replays;
        reduction->failure->replayed = reduction->replayed += shown;
        reducing->campaign->progress.done += reduction->replays == REPLAYS;
    } else {
        if (shown) {
            reduction->strike = reduction->tried;
            reduction->without_base = reduction->tried_without_base;
            reduction->failure->replay = pf_arena_strdup(arena, reduction->trial->replay);
        }
        reduction->step++;
    }
    pf_plan_free(reduction->trial);
    reduction->trial = NULL;
    pf_campaign_show(reducing->campaign);
}

static void tick(void *context)
{
    pf_campaign_show(((struct reducing *)context)->campaign);
}

static const struct pf_trial_result *find_trial(const struct pf_result *result, uint64_t id)
{
    for (size_t i = 0; i < result->trial_count; i++)
        if (result->trials[i].id == id)
            return &result->trials[i];
    abort();
}

int pf_sweep_minimise(struct pf_campaign *campaign, struct pf_error *error)
{
    struct pf_sweep_result *sweep = campaign->result->sweep;
    struct pf_arena *arena = pf_arena_new();
    struct reducing reducing = {.campaign = campaign, .count = sweep->failure_count};
    reducing.reductions = pf_arena_alloc(arena, (reducing.count + 1) * sizeof(*reducing.reductions));
    for (size_t i = 0; i < reducing.count; i++) {
        struct pf_failure *failure = &sweep->failures[i];
        reducing.reductions[i] = (struct reduction){
            .failure = failure,
            .sample = find_trial(campaign->result, failure->trials[0]),
            .signature = failure->signature,
            .strike = campaign->plan->planned[failure->trials[0] - 1].strike,
        };
    }
    campaign->progress.phase = PF_SWEEP_MINIMISING;
    campaign->progress.done = 0;
    campaign->progress.total = reducing.count;
    struct pf_pool_client client = {
        .context = &reducing, .next = next_trial, .done = take_trial, .tick = tick};
    int r = reducing.count ? pf_pool_run(&client, campaign->request->jobs, error) : 0;
    pf_arena_free(arena);
    return r;
}
