/*
 * harvest.h - what is kept of the trials of a sweep while it goes on.
 *
 * There are many of them, so each is packed (pack.h), and says no more than the reports need. What passed
 * takes some sixty bytes beside its fault. Of a failure the first trial is kept whole; of each other one what
 * is told of it and what tells failures apart, without timeline, output and chain: a replay shows these
 * again.
 */
#ifndef PF_SWEEP_HARVEST_H
#define PF_SWEEP_HARVEST_H

#include "model/result.h"

struct pf_harvest;

struct pf_harvest *pf_harvest_new(void);
void pf_harvest_free(struct pf_harvest *harvest);

/* Keeps of the trial, whose outcome is known, what there is to be kept. Its stack tells failures apart. */
void pf_harvest_add(struct pf_harvest *harvest, const struct pf_trial_result *trial);

/* Unpacks all trials into the result, in the order of their ids. */
void pf_harvest_deliver(const struct pf_harvest *harvest, struct pf_result *result);

#endif
