/* ending.h - after the verdict: say where everybody stood, and leave nobody behind. */
#ifndef PF_SUPERVISE_ENDING_H
#define PF_SUPERVISE_ENDING_H

#include "supervise/run.h"

/* Stops one thread; *ret_asked: because it was asked to, not for a signal or an event of its own. Returns
 * false when it is gone, or does not stop. */
bool pf_ending_stop(struct pf_run *run, pid_t tid, uint64_t within_ns, bool *ret_asked);

/* Stops the threads that are left and writes their stacks into the trace. */
void pf_ending_stacks(struct pf_run *run);

/* Kills the tree and reaps all of it. Returns 0, or -ETIMEDOUT with a message when a process cannot be
 * killed. */
int pf_ending_kill(struct pf_run *run, struct pf_error *error);

#endif
