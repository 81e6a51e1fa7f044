/*
 * sleep.h - between two turns of the loop: until something waits to be served, or some time is up.
 */
#ifndef PF_SUPERVISE_SLEEP_H
#define PF_SUPERVISE_SLEEP_H

#include "supervise/run.h"

/* What waits to be served. */
struct pf_ready {
    bool stops, call, output;
};

/* Opens what is waited on; `ret_before`: the signal mask of before. 0, or -errno with `error` filled in. */
int pf_sleep_open(struct pf_run *run, sigset_t *ret_before, struct pf_error *error);

void pf_sleep_close(struct pf_run *run);

/* Who is ready; nobody, if the time of something is up (or a signal came) first. */
struct pf_ready pf_sleep(struct pf_run *run);

/* When the time of the trial is up, on the trace's clock. */
uint64_t pf_sleep_end_of_time(const struct pf_run *run);

#endif
