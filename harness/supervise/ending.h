/* ending.h - after the verdict: say where everybody stood, and leave nobody behind. */
#ifndef PF_SUPERVISE_ENDING_H
#define PF_SUPERVISE_ENDING_H

#include "supervise/run.h"

/* Stops the threads that are left and writes their stacks into the trace. */
void pf_ending_stacks(struct pf_run *run);

/* Kills the tree and reaps all of it. Returns 0, or -ETIMEDOUT with a message when a process cannot be
 * killed. */
int pf_ending_kill(struct pf_run *run, struct pf_error *error);

#endif
