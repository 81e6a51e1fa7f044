/*
 * intercept.h - answer the system calls that the filter sends by: points, ledger entries, calls that rules
 * name, and the few that the judge has to know of.
 */
#ifndef PF_SUPERVISE_INTERCEPT_H
#define PF_SUPERVISE_INTERCEPT_H

#include "supervise/inject.h"

/* Takes and answers the notification that is waiting; sleeps when there is none. */
void pf_intercept_serve(struct pf_run *run);

/* Lets a caller go that was kept waiting. */
void pf_intercept_answer(struct pf_run *run, uint64_t notification, const struct pf_answer *answer);

#endif
