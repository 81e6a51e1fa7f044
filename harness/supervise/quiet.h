/*
 * quiet.h - notice that nothing moves any more, look closely, and decide whether the trial is over.
 *
 * While the program runs, a sample of its threads is taken now and then, each ending at the first thread that
 * is seen to run. When two complete samples in a row show no movement, a snapshot is taken; it counts only
 * if a third sample shows that nothing moved meanwhile.
 */
#ifndef PF_SUPERVISE_QUIET_H
#define PF_SUPERVISE_QUIET_H

#include "supervise/run.h"

void pf_quiet_init(struct pf_run *run);
void pf_quiet_free(struct pf_run *run);

/* The tree's threads come and go, and so do the zombies that its processes leave. */
void pf_quiet_add(struct pf_run *run, struct pf_task *task);
void pf_quiet_remove(struct pf_run *run, struct pf_task *task);
void pf_quiet_ended(struct pf_run *run, struct pf_process *process);

/* The limit of processes was met, as that event says: which of the places do zombies take? Told once. */
void pf_quiet_tell_zombies(struct pf_run *run, const struct pf_event *limit);

/* When the next look is due, on the trace's clock. */
uint64_t pf_quiet_due(const struct pf_run *run);
/* Looks, if it is time to; may decide the trial. */
void pf_quiet_tick(struct pf_run *run);
/* Somebody asks who waits on what: a snapshot for the watcher, whoever moves or not. */
void pf_quiet_answer(struct pf_run *run);
/* Time is up: a last snapshot, and the verdict. */
void pf_quiet_deadline(struct pf_run *run);

#endif
