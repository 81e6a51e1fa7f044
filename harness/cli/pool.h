/*
 * pool.h - many trials, some at a time: each in a process of its own that supervises it.
 *
 * A trial's process writes the trace to memory that its parent reads and judges. It dies with its parent, and
 * takes its tree with it. The results are in the order of the plan, whatever order the trials end in, and no
 * trace is kept longer than it takes to judge it.
 */
#ifndef PF_CLI_POOL_H
#define PF_CLI_POOL_H

#include "cli/progress.h"
#include "model/result.h"
#include "model/trial.h"

/*
 * Runs trials[0] to trials[count - 1], at most `jobs` at once, and adds one trial to the result for each:
 * also for those that are to be skipped, could not be tested, or were not run because of an interrupt.
 * Interrupts must have been installed. Returns 0 or -errno.
 */
int pf_pool_run(const struct pf_trial *const *trials, size_t count, size_t jobs, struct pf_progress *progress,
                struct pf_result *result, struct pf_error *error);

#endif
