/* told.h - the trials that a report tells of one by one: of repeats and of one failure's trials a single one.
 */
#ifndef PF_REPORTS_TOLD_H
#define PF_REPORTS_TOLD_H

#include "model/result.h"

struct pf_told {
    const struct pf_trial_result *trial;
    const struct pf_failure *failure; /* of a sweep, that the trial is the first of; else NULL */
    const char *name;                 /* plain: "terminate-with-lock/broken", or the fault in a sweep */
    size_t count;                     /* trials that went the same way: failed, if this one did */
};

/*
 * In the order of the result; of a sweep its failures, and what could not be tested, each reason once. Lives
 * in the arena.
 */
struct pf_told *pf_told_select(struct pf_arena *arena, const struct pf_result *result, size_t *ret_count);

#endif
