/*
 * intercept.h - answer the system calls that the filter sends by: points, ledger entries, calls that rules
 * name, and the few that the judge has to know of.
 */
#ifndef PF_SUPERVISE_INTERCEPT_H
#define PF_SUPERVISE_INTERCEPT_H

#include "supervise/inject.h"

/* Takes and answers the notification that is waiting; sleeps when there is none. */
void pf_intercept_serve(struct pf_run *run);

/*
 * A call that stopped by, in whatever way: writes down what the judge has to know of, and asks the rules.
 * Returns what pf_inject_meet returns.
 */
bool pf_intercept_call(struct pf_run *run, struct pf_task *task, const struct pf_call *call,
                       struct pf_grip *grip);

/* Lets a notified caller go that was kept waiting. */
void pf_intercept_answer(struct pf_run *run, struct pf_task *task, uint64_t notification,
                         const struct pf_answer *answer);

#endif
