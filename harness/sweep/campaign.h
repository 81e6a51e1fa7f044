/*
 * campaign.h - the state of a sweep under way, shared by the files of this folder that carry it out.
 */
#ifndef PF_SWEEP_CAMPAIGN_H
#define PF_SWEEP_CAMPAIGN_H

#include "sweep/baseline.h"
#include "sweep/sweep.h"

struct pf_campaign {
    const struct pf_sweep_request *request;
    struct pf_trial base; /* of every trial: deadline, expectation and isolation are settled */
    const struct pf_sweep_plan *plan;
    struct pf_arena *scratch; /* for as long as the sweep takes */
    struct pf_result *result;
    struct pf_sweep_progress progress;
    uint64_t stop_ns;     /* when the budget is spent, on CLOCK_MONOTONIC; UINT64_MAX: never */
    const char **command; /* of the base, in the result's arena */
};

/* On CLOCK_MONOTONIC. */
uint64_t pf_campaign_now_ns(void);
/* The base with these faults in place of its own. */
struct pf_trial *pf_campaign_trial(const struct pf_trial *base, const char *const *specs, size_t spec_count);
/* Is it time to end? */
bool pf_campaign_is_over(const struct pf_campaign *campaign);
void pf_campaign_show(const struct pf_campaign *campaign);

/* Does it hang where a rule that has struck keeps a thread for something that never came? */
bool pf_campaign_is_held_up(const struct pf_trial_result *trial);
/* Was nothing tested, because a rule from this one on, counted from 0, never struck, or any held the program
 * up? */
bool pf_campaign_is_unfired(const struct pf_trial_result *trial, size_t first);
/* What a trial in which its own fault has struck came to. */
void pf_campaign_settle(struct pf_trial_result *trial);

/* Runs the plan, or our part of it, and what gives rise to more. Returns 0 or -errno. */
int pf_sweep_try(struct pf_campaign *campaign, struct pf_error *error);

/*
 * Makes the failures that the result has small, and tries each of them again. Returns 0 or -errno.
 */
int pf_sweep_minimise(struct pf_campaign *campaign, struct pf_error *error);

#endif
