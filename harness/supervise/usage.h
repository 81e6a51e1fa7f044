/*
 * usage.h - what a process had used when it ended: processor time, and what it read and wrote.
 *
 * It is asked between its end and its reaping, when all numbers are final. That costs one call of a clock for
 * each process, and two small files for those that have used a noticeable amount. One of the files is opened
 * while the process lives: only root may open it later.
 */
#ifndef PF_SUPERVISE_USAGE_H
#define PF_SUPERVISE_USAGE_H

#include "supervise/run.h"

/* The process, NULL for nobody, is stopped and about to have one more child. */
void pf_usage_bear(struct pf_process *parent);
/* The process has lived long enough to be looked at. */
void pf_usage_watch(struct pf_process *process);
void pf_usage_forget(struct pf_process *process);
/* A process or thread has ended and is not reaped: emits a usage event, if there is anything to tell. */
void pf_usage_take(struct pf_run *run, pid_t pid);
/* What it calls itself, in the trace's arena; NULL: not known. */
const char *pf_usage_name(struct pf_run *run, pid_t pid);

#endif
