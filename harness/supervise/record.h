/*
 * record.h - write down every use of the system calls that a recording is about: where faults could strike.
 */
#ifndef PF_SUPERVISE_RECORD_H
#define PF_SUPERVISE_RECORD_H

#include "supervise/grip.h"

/* Does nothing unless the trial is a recording; the same holds for all the others. */
void pf_record_init(struct pf_run *run);
void pf_record_free(struct pf_run *run);

/* A thread is stopped at the entry of the call. */
void pf_record_enter(struct pf_run *run, struct pf_task *task, const struct pf_call *call);
/* ... and at its exit. */
void pf_record_leave(struct pf_run *run, struct pf_task *task);
/* Its process has become another program. */
void pf_record_exec(struct pf_run *run, struct pf_task *task);
/* The thread has ended, within the call it may have been in. */
void pf_record_drop(struct pf_run *run, struct pf_task *task);

#endif
