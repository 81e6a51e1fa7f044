#include "sweep/campaign.h"

#include <stdlib.h>
#include <time.h>

#include "plan/plan.h"
#include "sweep/group.h"
#include "sweep/interrupts.h"

static const uint64_t NS_PER_S = 1000000000ULL;

uint64_t pf_campaign_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool pf_campaign_is_over(const struct pf_campaign *campaign)
{
    return pf_interrupts_count(NULL) || pf_campaign_now_ns() >= campaign->stop_ns;
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

bool pf_campaign_is_held_up(const struct pf_trial_result *trial)
{
    size_t unfired = 0, never_struck = 0;
    bool hangs = false;
    for (size_t i = 0; i < trial->finding_count; i++) {
        unfired += trial->findings[i].kind == PF_FINDING_UNFIRED;
        hangs = hangs || trial->findings[i].kind == PF_FINDING_HANG;
    }
    for (size_t i = 0; i < trial->fault_count; i++)
        never_struck += trial->faults[i].fired == 0;
    return hangs && unfired > never_struck;
}

bool pf_campaign_is_unfired(const struct pf_trial_result *trial, size_t first)
{
    bool struck = true;
    for (size_t i = first; i < trial->fault_count; i++)
        struck = struck && trial->faults[i].fired;
    return (has_unfired(trial) && !struck) || pf_campaign_is_held_up(trial);
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
