/* limit.h - limits of the plan that a process runs into. */
#ifndef PF_SUPERVISE_LIMIT_H
#define PF_SUPERVISE_LIMIT_H

#include <signal.h>

#include "supervise/run.h"

/* The call has failed: writes it down if that was for want of what the plan limits. */
void pf_limit_check_call(struct pf_run *run, const struct pf_task *task, int call, int error);
/* The thread gets a SIGSEGV: writes it down if that was for want of stack. */
void pf_limit_check_stack(struct pf_run *run, const struct pf_task *task, const siginfo_t *info);

#endif
