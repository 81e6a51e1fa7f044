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
#include "sweep/sequel.h"

/* So often is a line tried again; one that only ends at its deadline, not quite so often. */
enum { REPLAYS = 10, LONG_REPLAYS = 3 };

/* What is left out, or made simpler, in this order. */
enum step {
    STEP_FAULTS,   /* those that the user gave */
    STEP_ONCE,     /* once only, instead of from then on */
    STEP_PROC,     /* proc= */
    STEP_SAME,     /* the comparison with runs without faults */
    STEP_EXIT,     /* the status that is expected */
    STEP_DEADLINE, /* the deadline, where it is not the default */
    STEP_REPLAY,   /* nothing more: is it shown again? */
};

/* A failing trial, in parts. */
struct recipe {
    struct pf_trial base;
    size_t base_faults; /* so many of the user's */
    struct pf_strike strike;
};

/* One unique failure on its way; of an earlier sweep it may be there already. */
struct reduction {
    struct pf_failure *failure;
    const struct pf_trial_result *sample; /* its first trial */
    struct recipe whole, best, tried; /* as it was found; as small as is known so far; what is being run */
    bool shortened;                   /* best is less than whole */
    enum step step;
    struct pf_trial *trial; /* NULL: none is running */
};

struct reducing {
    struct pf_campaign *campaign;
    struct reduction *reductions;
    size_t count;
};

static struct pf_trial *trial_of(const struct recipe *recipe)
{
    struct pf_arena *scratch = pf_arena_new();
    const char **specs = pf_arena_alloc(scratch, (recipe->base_faults + 1) * sizeof(*specs));
    for (size_t i = 0; i < recipe->base_faults; i++)
        specs[i] = recipe->base.faults[i].spec;
    specs[recipe->base_faults] = pf_strike_text(&recipe->strike, scratch);
    struct pf_trial *trial = pf_campaign_trial(&recipe->base, specs, recipe->base_faults + 1);
    pf_arena_free(scratch);
    return trial;
}

/* What was compared must stay expected where that is what failed: the trial tells. */
static bool simplify(struct recipe *recipe, enum step step)
{
    struct pf_trial *base = &recipe->base;
    switch (step) {
    case STEP_FAULTS:
        if (!recipe->base_faults)
            return false;
        recipe->base_faults = 0;
        return true;
    case STEP_ONCE:
        if (recipe->strike.last == recipe->strike.first)
            return false;
        recipe->strike.last = recipe->strike.first;
        return true;
    case STEP_PROC:
        if (!recipe->strike.proc)
            return false;
        recipe->strike.proc = NULL;
        return true;
    case STEP_SAME:
        base->expect = (struct pf_expect){.exit = base->expect.exit, .output = base->expect.output};
        return true;
    case STEP_EXIT:
        if (!base->expect.exit)
            return false;
        base->expect.exit = NULL;
        return true;
    case STEP_DEADLINE:
        if (base->deadline_ns == PF_DEADLINE_DEFAULT_NS)
            return false;
        base->deadline_ns = PF_DEADLINE_DEFAULT_NS;
        return true;
    default:
        return false;
    }
}

static bool takes_until_deadline(const struct reduction *reduction)
{
    bool proven = reduction->sample->diagnosis && reduction->sample->diagnosis->proven;
    return reduction->failure->outcome == PF_OUTCOME_HANG && !proven;
}

/* What only the deadline has ended is not worth a minute's wait to save a word; and an instruction is one of
 * the call of one process. */
static bool is_worth_trying(const struct reduction *reduction)
{
    if (reduction->step == STEP_PROC && reduction->sample->instructions)
        return false;
    return reduction->step != STEP_DEADLINE || !takes_until_deadline(reduction);
}

static uint64_t replays_of(const struct reduction *reduction)
{
    return takes_until_deadline(reduction) ? LONG_REPLAYS : REPLAYS;
}

/* Makes the next recipe of the reduction, or returns false: it is done. */
static bool advance(struct reduction *reduction)
{
    for (; reduction->step < STEP_REPLAY; reduction->step++) {
        reduction->tried = reduction->best;
        if (is_worth_trying(reduction) && simplify(&reduction->tried, reduction->step))
            return true;
    }
    reduction->tried = reduction->best;
    return reduction->failure->replays < replays_of(reduction);
}

static bool next_trial(void *context, struct pf_pool_job *ret_job)
{
    struct reducing *reducing = context;
    if (pf_campaign_is_over(reducing->campaign))
        return false;
    for (size_t i = 0; i < reducing->count; i++) {
        struct reduction *reduction = &reducing->reductions[i];
        if (reduction->trial || !advance(reduction))
            continue;
        reduction->trial = trial_of(&reduction->tried);
        *ret_job = (struct pf_pool_job){.trial = reduction->trial, .id = i};
        return true;
    }
    return false;
}

static uint64_t strikes(const struct pf_trial_result *trial)
{
    uint64_t fired = 0;
    for (size_t i = 0; i < trial->fault_count; i++)
        fired += trial->faults[i].fired;
    return fired;
}

static bool has_struck(const struct pf_fault_account *account, const char *thread)
{
    for (size_t i = 0; i < account->strike_count; i++)
        if (account->strikes[i].thread && strcmp(account->strikes[i].thread, thread) == 0)
            return true;
    return false;
}

/* A rule that is shorter may strike other processes instead, whose failure is another one. */
static bool strikes_others(const struct pf_trial_result *sample, const struct pf_trial_result *trial)
{
    if (!sample->fault_count || !trial->fault_count)
        return false;
    const struct pf_fault_account *meant = &sample->faults[sample->fault_count - 1];
    const struct pf_fault_account *struck = &trial->faults[trial->fault_count - 1];
    for (size_t i = 0; i < struck->strike_count; i++)
        if (struck->strikes[i].thread && !has_struck(meant, struck->strikes[i].thread))
            return true;
    return false;
}

/* Does the trial fail as the sample did, of no more strikes, and at the same processes? */
static bool shows(const struct reduction *reduction, const struct pf_trial_result *trial)
{
    struct pf_trial_result judged = *trial;
    if (pf_campaign_is_unfired(trial, reduction->tried.base_faults))
        return false;
    pf_campaign_settle(&judged);
    if (judged.verdict != PF_FAIL || strikes(trial) > strikes(reduction->sample) ||
        strikes_others(reduction->sample, trial))
        return false;
    judged.stack = reduction->sample->stack;
    judged.stack_count = reduction->sample->stack_count;
    struct pf_arena *scratch = pf_arena_new();
    bool same = strcmp(pf_sweep_signature(&judged, scratch), reduction->failure->signature) == 0;
    pf_arena_free(scratch);
    return same;
}

/* A line that shows the failure only now and then may have lost a word too many: then the whole line is tried
 * instead. Returns whether it was the last replay. */
static bool take_replay(struct reduction *reduction, bool shown, struct pf_arena *arena)
{
    struct pf_failure *failure = reduction->failure;
    if (!shown && reduction->shortened) {
        reduction->best = reduction->whole;
        reduction->shortened = false;
        failure->replay = reduction->sample->replay;
        failure->replays = failure->replayed = 0;
        return false;
    }
    failure->replays++;
    failure->replayed += shown;
    failure->replay = pf_arena_strdup(arena, reduction->trial->replay);
    return failure->replays == replays_of(reduction);
}

static void take_trial(void *context, const struct pf_pool_job *job, const struct pf_trial_result *trial,
                       struct pf_trace **trace)
{
    (void)trace;
    struct reducing *reducing = context;
    struct reduction *reduction = &reducing->reductions[job->id];
    struct pf_arena *arena = reducing->campaign->result->arena;
    bool shown = shows(reduction, trial);
    if (reduction->step == STEP_REPLAY)
        reducing->campaign->progress.done += take_replay(reduction, shown, arena);
    else {
        if (shown)
            reduction->best = reduction->tried;
        reduction->shortened |= shown;
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

/* All that a trial was: its last fault is the one that may be made smaller, those before it left out. */
static struct recipe whole_recipe(const struct pf_campaign *campaign, uint64_t id, struct pf_arena *arena)
{
    const struct pf_trial *given = campaign->request->base;
    const struct pf_sequel sequel = pf_sequel_of(campaign->plan, id);
    struct recipe recipe = {.base = campaign->base, .strike = sequel.strikes[sequel.count - 1]};
    recipe.base_faults = given->fault_count + sequel.count - 1;
    recipe.base.faults = pf_arena_alloc(arena, (recipe.base_faults + 1) * sizeof(*recipe.base.faults));
    for (size_t i = 0; i < recipe.base_faults; i++)
        recipe.base.faults[i].spec = i < given->fault_count
                                         ? given->faults[i].spec
                                         : pf_strike_text(&sequel.strikes[i - given->fault_count], arena);
    return recipe;
}

int pf_sweep_minimise(struct pf_campaign *campaign, struct pf_error *error)
{
    struct pf_sweep_result *sweep = campaign->result->sweep;
    struct pf_arena *arena = pf_arena_new();
    struct reducing reducing = {.campaign = campaign, .count = sweep->failure_count};
    reducing.reductions = pf_arena_alloc(arena, (reducing.count + 1) * sizeof(*reducing.reductions));
    for (size_t i = 0; i < reducing.count; i++) {
        struct pf_failure *failure = &sweep->failures[i];
        struct reduction *reduction = &reducing.reductions[i];
        *reduction = (struct reduction){
            .failure = failure,
            .sample = find_trial(campaign->result, failure->trials[0]),
        };
        reduction->whole = whole_recipe(campaign, failure->trials[0], arena);
        reduction->best = reduction->whole;
        reduction->step = failure->replays >= replays_of(reduction) ? STEP_REPLAY : STEP_FAULTS;
    }
    campaign->progress.phase = PF_SWEEP_MINIMISING;
    campaign->progress.done = 0;
    campaign->progress.total = reducing.count;
    struct pf_pool_client client = {
        .context = &reducing, .next = next_trial, .brief = true, .done = take_trial, .tick = tick};
    int r = reducing.count ? pf_pool_run(&client, campaign->request->jobs, error) : 0;
    pf_arena_free(arena);
    return r;
}
