/*
 * death.h - how threads and processes of the tree end.
 */
#ifndef PF_SUPERVISE_DEATH_H
#define PF_SUPERVISE_DEATH_H

#include "supervise/run.h"

/* Takes the wait status of a thread or process that has ended. `name`: its name, or NULL. */
void pf_death_take(struct pf_run *run, pid_t tid, int status, const char *name);

/* All threads of the process but one have ended, as exec and exit make them. */
void pf_death_rest(struct pf_run *run, const struct pf_process *process, const struct pf_task *keep);

#endif
