/*
 * newborn.h - threads and processes whose first stop came before the news of their birth. A maker that is
 * killed in the middle of fork(2) never tells of it; its child lives all the same, and is adopted.
 */
#ifndef PF_SUPERVISE_NEWBORN_H
#define PF_SUPERVISE_NEWBORN_H

#include "supervise/run.h"

/* Keeps a first stop until its birth is told. */
void pf_newborn_wait(struct pf_run *run, pid_t tid);

/* It was told, or the newborn has died. Returns whether it was waited for. */
bool pf_newborn_forget(struct pf_run *run, pid_t tid);

/* When somebody has been waited for in vain, on the trace's clock; UINT64_MAX: never. */
uint64_t pf_newborn_due(const struct pf_run *run);

/* Adopts who has been waited for in vain. */
void pf_newborn_tick(struct pf_run *run);

#endif
