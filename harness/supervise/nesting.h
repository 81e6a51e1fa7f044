/* nesting.h - PID namespaces that the program makes inside the tree's own. */
#ifndef PF_SUPERVISE_NESTING_H
#define PF_SUPERVISE_NESTING_H

#include "supervise/grip.h"
#include "supervise/run.h"

/* A call that may put the children to come into another namespace. */
void pf_nesting_note(struct pf_task *task, const struct pf_call *call);

/* A process is born; its maker, if any, stands in the call that made it. */
void pf_nesting_born(struct pf_run *run, const struct pf_process *parent, const struct pf_task *maker,
                     struct pf_process *process);

#endif
