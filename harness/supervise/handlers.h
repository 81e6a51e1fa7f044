/* handlers.h - which handlers a program sets for the signals that the plan sends. */
#ifndef PF_SUPERVISE_HANDLERS_H
#define PF_SUPERVISE_HANDLERS_H

#include "supervise/run.h"
#include "supervise/select.h"

/* A thread is about to call rt_sigaction. */
void pf_handlers_note(struct pf_run *run, const struct pf_task *task, const struct pf_call *call);

#endif
