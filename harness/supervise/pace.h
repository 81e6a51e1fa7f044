/* pace.h - what the threads of a run that reaches its deadline did in the second half of their time. */
#ifndef PF_SUPERVISE_PACE_H
#define PF_SUPERVISE_PACE_H

#include "supervise/run.h"

void pf_pace_init(struct pf_run *run);
/* At half time: remembers what every thread has done so far. */
void pf_pace_tick(struct pf_run *run);
/* When the next tick has something to do, on the trace's clock. */
uint64_t pf_pace_due(const struct pf_run *run);
/* At the deadline: one event for each thread that has run since, with a close look at those that only run. */
void pf_pace_finish(struct pf_run *run);

#endif
