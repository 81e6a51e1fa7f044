/*
 * lifecycle.h - birth, exec, signals and death of every thread of the tree, through ptrace.
 */
#ifndef PF_SUPERVISE_LIFECYCLE_H
#define PF_SUPERVISE_LIFECYCLE_H

#include "supervise/run.h"

/* Registers the launched root (seized, stopped) and lets it exec. */
void pf_lifecycle_begin(struct pf_run *run);

/* Takes every ptrace stop and every death that is waiting. Returns how many there were. */
size_t pf_lifecycle_serve(struct pf_run *run);

/* Takes one wait status. */
void pf_lifecycle_take(struct pf_run *run, pid_t tid, int status);

/* Lets a stopped thread go on, with a signal (0: none). */
void pf_lifecycle_resume(struct pf_run *run, const struct pf_task *task, int signal);

#endif
