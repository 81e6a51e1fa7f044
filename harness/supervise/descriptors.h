/*
 * descriptors.h - what processes have open: at their end, when they meet the limit of descriptors, and while
 * a thread of theirs is held.
 *
 * A process ends with its last thread, and its descriptors are there until that one is gone. So each thread
 * stops on its way out where this is wanted, and the one after which nobody is left is looked at.
 */
#ifndef PF_SUPERVISE_DESCRIPTORS_H
#define PF_SUPERVISE_DESCRIPTORS_H

#include "supervise/run.h"

/* The options of ptrace that it takes; the first exec is early enough to set them. */
unsigned long pf_descriptors_options(const struct pf_run *run);
/* The thread is in its exit stop. */
void pf_descriptors_leave(struct pf_run *run, struct pf_task *task);
/* The thread is gone. */
void pf_descriptors_forget(const struct pf_task *task);
/* A call of the thread has failed for want of a descriptor. */
void pf_descriptors_exhausted(struct pf_run *run, const struct pf_task *task, const struct pf_event *limit);
/* The plan begins to hold the thread, or is about to let it go. */
void pf_descriptors_held(struct pf_run *run, const struct pf_task *task, bool released);

#endif
