/*
 * exec.h - a process becomes another program.
 */
#ifndef PF_SUPERVISE_EXEC_H
#define PF_SUPERVISE_EXEC_H

#include "supervise/run.h"

/* Takes the exec stop of a process; caller_tid is what the calling thread was named before it. */
void pf_exec_take(struct pf_run *run, pid_t pid, pid_t caller_tid);

#endif
