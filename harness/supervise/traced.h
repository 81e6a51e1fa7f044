/* traced.h - calls that stop for ptrace at their entry, because their registers or their result are needed.
 */
#ifndef PF_SUPERVISE_TRACED_H
#define PF_SUPERVISE_TRACED_H

#include "supervise/grip.h"

/* The thread is in its seccomp stop: asks the rules, and lets it go unless it is to be held. */
void pf_traced_enter(struct pf_run *run, struct pf_task *task);
/* Lets it go into the call. */
void pf_traced_go(struct pf_run *run, struct pf_task *task, const struct pf_answer *answer);
/* The thread is at the exit of its call. */
void pf_traced_return(struct pf_run *run, struct pf_task *task);

/* The request of a call that transfers bytes; all zero for others. */
struct pf_request;
void pf_traced_request(const struct pf_call *call, struct pf_request *ret_request);

#endif
