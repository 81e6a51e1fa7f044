/* group.h - which failures of a sweep are the same failure. */
#ifndef PF_SWEEP_GROUP_H
#define PF_SWEEP_GROUP_H

#include "model/result.h"

/* What a trial that failed comes to, by the findings that are failures; what it means for one that did not.
 */
enum pf_outcome pf_sweep_outcome(const struct pf_trial_result *trial);

/* Of a trial with a bad outcome: what was found that makes it so, in words. */
const char *pf_sweep_reason(const struct pf_trial_result *trial);

/*
 * What went wrong in a trial, without anything that differs from run to run or from point to point of one
 * cause: outcome, kinds of finding, shape of the waits that were left, call stack that was struck. What a
 * process that was ended from outside leaves behind does not depend on where that met it: there its address
 * stands in place of the stack. Two trials of one signature are one failure. The text lives in the arena.
 */
const char *pf_sweep_signature(const struct pf_trial_result *trial, struct pf_arena *arena);

/*
 * Is the candidate's line the better one for the same failure? One that showed it every time is better than
 * one that did not, and than one that nobody tried; one that strikes where every run comes by is better than
 * another.
 */
bool pf_sweep_replays_better(const struct pf_failure *candidate, const struct pf_failure *failure);

/*
 * Makes result->sweep->failures anew from the trials that failed, the most harmful first. What the old list
 * knows of a signature (its smallest replay line, and how often that was tried) is kept, so trials of several
 * shards can be put together with their failures, and grouped again.
 */
void pf_sweep_group(struct pf_result *result);

#endif
