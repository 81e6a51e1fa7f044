/* baseline.h - what a program does without faults, and where faults could strike it. */
#ifndef PF_SWEEP_BASELINE_H
#define PF_SWEEP_BASELINE_H

#include "sweep/points.h"
#include "sweep/sweep.h"

struct pf_baseline {
    struct pf_points *points;
    struct pf_expect expect; /* what is right, in the arena of the points */
    double run_ms;
    bool failed; /* it does not even pass without a fault: the trial has been added to the result */
};

/* Runs the program twice, recording it. Returns 0 or -errno; the caller frees the points. */
int pf_baseline_run(const struct pf_sweep_request *request, struct pf_result *result,
                    struct pf_baseline *ret_baseline, struct pf_error *error);

#endif
