/*
 * birth.h - how processes and threads of the tree come to be. A newborn may stop for the first time before
 * its maker's stop tells of it, or after.
 */
#ifndef PF_SUPERVISE_BIRTH_H
#define PF_SUPERVISE_BIRTH_H

#include "supervise/run.h"

/* Registers the launched root (seized, stopped) and lets it exec. */
void pf_birth_root(struct pf_run *run);

/* Registers what the maker's ptrace event (PTRACE_EVENT_FORK, _VFORK or _CLONE) tells of. */
void pf_birth_tell(struct pf_run *run, struct pf_task *maker, pid_t tid, int event);

/* Registers a process whose birth nobody will tell of (newborn.h), and lets it begin. */
void pf_birth_adopt(struct pf_run *run, struct pf_process *parent, pid_t pid);

/* The first stop of one that is registered. */
void pf_birth_start(struct pf_run *run, struct pf_task *task);

/* Meets the start triggers, and lets the task go on if none of them holds it. */
void pf_birth_begin(struct pf_run *run, struct pf_task *task, bool of_thread);

/* A vfork child has execed or ended: its parent goes on. */
void pf_birth_end_vfork(struct pf_run *run, const struct pf_process *child);

#endif
