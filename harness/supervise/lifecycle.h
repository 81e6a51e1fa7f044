/*
 * lifecycle.h - the stops and ends of every thread of the tree, through ptrace: births (birth.h), execs
 * (exec.h), signals, and deaths (death.h).
 */
#ifndef PF_SUPERVISE_LIFECYCLE_H
#define PF_SUPERVISE_LIFECYCLE_H

#include "supervise/run.h"

/* Takes every ptrace stop and every death that is waiting. Returns how many there were. */
size_t pf_lifecycle_serve(struct pf_run *run);

/* Takes one wait status. */
void pf_lifecycle_take(struct pf_run *run, pid_t tid, int status);

/* Lets a stopped thread go on, with a signal (0: none). */
void pf_lifecycle_resume(struct pf_run *run, const struct pf_task *task, int signal);

#endif
