/*
 * recorded.h - what a sweep is decided from: the plan, and what is right; to be kept in a file.
 *
 * Recorded once, it can be shared: whoever carries out a part of it tries the same faults and expects the
 * same, also of a program that runs differently from time to time.
 */
#ifndef PF_SWEEP_RECORDED_H
#define PF_SWEEP_RECORDED_H

#include <stdio.h>

#include "sweep/plan.h"

#define PF_RECORDED_SCHEMA "pitfall-sweep-plan/1"

struct pf_recorded {
    const char **command; /* what was recorded */
    size_t command_count;
    struct pf_points *points;
    struct pf_sweep_plan *plan; /* of these points */
    struct pf_expect expect;    /* what is right; lives as long as the points */
    double run_ms;              /* so long a run without faults takes */
};

void pf_recorded_free(struct pf_recorded *recorded);

/* JSON. Returns 0 or -errno. */
int pf_recorded_write(const struct pf_recorded *recorded, FILE *file);
/*
 * Errors: -EIO, or -EBADMSG with a message that begins with the name, and names the line or the path of what
 * is wrong.
 */
int pf_recorded_read(FILE *file, const char *name, struct pf_recorded **ret_recorded, struct pf_error *error);

/* Is it a plan for this trial, with all of its options? Returns 0, or -EINVAL with a message that says why
 * not. */
int pf_recorded_check(const struct pf_recorded *recorded, const struct pf_trial *base, const char *name,
                      struct pf_error *error);

#endif
