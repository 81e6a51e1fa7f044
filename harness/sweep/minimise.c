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
#include "sweep/recipe.h"
#include "sweep/sequel.h"

/* So often is a line tried again; one that only ends at its deadline, not quite so often. The first half of
 * these while others run beside it, the second half alone, as who tries the line will: what depends on who
 * comes first then shows. */
enum { REPLAYS = 10, LONG_REPLAYS = 3 };
/* A failure whose line does not show it every time has other trials, and lines of these; so many are tried.
 */
enum { SAMPLES = 3 };
/* What has missed once, or strikes by chance, is to be tried so often at most by its line. */
enum { INSISTENCE = 1000 };

/* One unique failure on its way; of an earlier sweep it may be there already. */
struct reduction {
    struct pf_failure *failure;
    const struct pf_trial_result *samples[SAMPLES]; /* its trials that are made small, one after the other */
    size_t sample_count;
    const struct pf_trial_result *sample; /* the last of these */
    struct pf_recipe whole, best, tried;  /* as it was; as small as is known so far; what is being run */
    bool shortened;                       /* best is less than whole */
    enum pf_recipe_part part;             /* PF_PART__COUNT: as small as can be, is it shown again? */
    struct pf_failure line;               /* what is known of the sample's line */
    struct pf_trial *trial;               /* NULL: none is running */
    bool done;
};

struct reducing {
    struct pf_campaign *campaign;
    struct pf_arena *arena;
    struct reduction *reductions;
    size_t count;
    bool alone; /* one trial at a time */
};

static bool takes_until_deadline(const struct reduction *reduction)
{
    bool proven = reduction->sample->diagnosis && reduction->sample->diagnosis->proven;
    return reduction->failure->outcome == PF_OUTCOME_HANG && !proven;
}

/* What only the deadline has ended is not worth a minute's wait to save a word; and an instruction is one of
 * the call of one process. */
static bool is_worth_trying(const struct reduction *reduction)
{
    if (reduction->part == PF_PART_PROC && reduction->sample->instructions)
        return false;
    return reduction->part != PF_PART_DEADLINE || !takes_until_deadline(reduction);
}

static uint64_t replays_of(const struct reduction *reduction)
{
    return takes_until_deadline(reduction) ? LONG_REPLAYS : REPLAYS;
}

/* Makes the next recipe of the reduction, or returns false: there is nothing to be done now. */
static bool advance(const struct reducing *reducing, struct reduction *reduction)
{
    for (; reduction->part < PF_PART__COUNT; reduction->part++) {
        reduction->tried = reduction->best;
        if (is_worth_trying(reduction) && pf_recipe_simplify(&reduction->tried, reduction->part))
            return true;
    }
    reduction->tried = reduction->best;
    uint64_t replays = replays_of(reduction);
    return reduction->line.replays < (reducing->alone ? replays : replays / 2);
}

static bool next_trial(void *context, struct pf_pool_job *ret_job)
{
    struct reducing *reducing = context;
    if (pf_campaign_is_over(reducing->campaign))
        return false;
    for (size_t i = 0; i < reducing->count; i++) {
        struct reduction *reduction = &reducing->reductions[i];
        if (reduction->trial || reduction->done || !advance(reducing, reduction))
            continue;
        reduction->trial = pf_recipe_trial(&reduction->tried);
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

static const struct pf_point *point_of(const struct pf_campaign *campaign, uint64_t id)
{
    return campaign->plan->planned[pf_sequel_of(campaign->plan, id).origin - 1].point;
}

static const struct pf_trial_result *find_trial(const struct pf_result *result, uint64_t id)
{
    for (size_t i = 0; i < result->trial_count; i++)
        if (result->trials[i].id == id)
            return &result->trials[i];
    abort();
}

static bool was_taken(const struct reduction *reduction, uint64_t id)
{
    for (size_t i = 0; i < reduction->sample_count; i++)
        if (reduction->samples[i]->id == id)
            return true;
    return false;
}

/* Begins with another trial of the failure: with the first that strikes where every run comes by, if there is
 * one. Returns false when enough were tried. */
static bool take_sample(const struct reducing *reducing, struct reduction *reduction)
{
    const struct pf_campaign *campaign = reducing->campaign;
    const struct pf_failure *failure = reduction->failure;
    uint64_t chosen = 0;
    for (size_t i = 0; i < failure->trial_count && reduction->sample_count < SAMPLES; i++) {
        uint64_t id = failure->trials[i];
        bool better = !chosen || (point_of(campaign, chosen)->chance && !point_of(campaign, id)->chance);
        if (better && !was_taken(reduction, id))
            chosen = id;
    }
    if (!chosen)
        return false;
    reduction->sample = find_trial(campaign->result, chosen);
    reduction->samples[reduction->sample_count++] = reduction->sample;
    reduction->whole = reduction->best = pf_recipe_of(campaign, chosen, reducing->arena);
    reduction->shortened = false;
    reduction->part = 0;
    reduction->line = (struct pf_failure){.replay = reduction->sample->replay,
                                          .chance = point_of(campaign, chosen)->chance};
    return true;
}

/* The failure's line is that of the first sample, until another is known to be better. */
static void keep_line(const struct reduction *reduction)
{
    struct pf_failure *failure = reduction->failure;
    const struct pf_failure *line = &reduction->line;
    bool whole = line->replays >= replays_of(reduction);
    if (reduction->sample_count > 1 && !(whole && pf_sweep_replays_better(line, failure)))
        return;
    failure->replay = line->replay;
    failure->replays = line->replays;
    failure->replayed = line->replayed;
    failure->chance = line->chance;
}

/* The line that was just run. One that cannot promise to show the failure in one run goes on until it does,
 * and is not stopped by a run that ends cleanly with an error. */
static const char *line_of(const struct reducing *reducing, const struct reduction *reduction)
{
    const struct pf_failure *line = &reduction->line;
    bool tried = line->replays >= replays_of(reduction);
    const char *replay = reduction->trial->replay;
    if (tried && (line->replayed < line->replays || line->chance)) {
        reduction->trial->attempts = INSISTENCE;
        reduction->trial->expect.exit = reduction->whole.base.expect.exit;
        replay = pf_plan_replay(reduction->trial);
    }
    return pf_arena_strdup(reducing->campaign->result->arena, replay);
}

/* A line that shows the failure only now and then may have lost a word too many: then the whole line is tried
 * instead. Where that does no better, another trial is. */
static void take_replay(const struct reducing *reducing, struct reduction *reduction, bool shown)
{
    struct pf_failure *line = &reduction->line;
    if (!shown && reduction->shortened) {
        reduction->best = reduction->whole;
        reduction->shortened = false;
        line->replay = reduction->sample->replay;
        line->replays = line->replayed = 0;
        keep_line(reduction);
        return;
    }
    line->replays++;
    line->replayed += shown;
    line->replay = line_of(reducing, reduction);
    keep_line(reduction);
    if (line->replays < replays_of(reduction))
        return;
    reduction->done = line->replayed == line->replays || !take_sample(reducing, reduction);
    reducing->campaign->progress.done += reduction->done;
}

static void take_trial(void *context, const struct pf_pool_job *job, const struct pf_trial_result *trial,
                       struct pf_trace **trace)
{
    (void)trace;
    struct reducing *reducing = context;
    struct reduction *reduction = &reducing->reductions[job->id];
    bool shown = shows(reduction, trial);
    if (reduction->part == PF_PART__COUNT)
        take_replay(reducing, reduction, shown);
    else {
        if (shown)
            reduction->best = reduction->tried;
        reduction->shortened |= shown;
        reduction->part++;
    }
    pf_plan_free(reduction->trial);
    reduction->trial = NULL;
    pf_campaign_show(reducing->campaign);
}

static void tick(void *context)
{
    pf_campaign_show(((struct reducing *)context)->campaign);
}

/* An earlier sweep has tried its line often enough. */
static bool is_known(const struct reduction *reduction)
{
    return reduction->failure->replays >= replays_of(reduction);
}

int pf_sweep_minimise(struct pf_campaign *campaign, struct pf_error *error)
{
    struct pf_sweep_result *sweep = campaign->result->sweep;
    struct pf_arena *arena = pf_arena_new();
    struct reducing reducing = {.campaign = campaign, .arena = arena, .count = sweep->failure_count};
    reducing.reductions = pf_arena_alloc(arena, (reducing.count + 1) * sizeof(*reducing.reductions));
    campaign->progress.phase = PF_SWEEP_MINIMISING;
    campaign->progress.done = 0;
    campaign->progress.total = reducing.count;
    for (size_t i = 0; i < reducing.count; i++) {
        struct reduction *reduction = &reducing.reductions[i];
        reduction->failure = &sweep->failures[i];
        take_sample(&reducing, reduction);
        reduction->done = is_known(reduction);
        campaign->progress.done += reduction->done;
    }
    struct pf_pool_client client = {
        .context = &reducing, .next = next_trial, .brief = true, .done = take_trial, .tick = tick};
    int r = reducing.count ? pf_pool_run(&client, campaign->request->jobs, error) : 0;
    reducing.alone = true;
    if (r == 0 && reducing.count)
        r = pf_pool_run(&client, 1, error);
    pf_arena_free(arena);
    return r;
}
