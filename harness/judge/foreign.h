/* foreign.h - a process died reaching for an address at which another process has memory. */
#ifndef PF_JUDGE_FOREIGN_H
#define PF_JUDGE_FOREIGN_H

#include "judge/case.h"

/* Of the crash that was found, the signal that tells the address, where another process has memory of this
 * kind there; NULL: it was not so. *ret_process: who crashed. */
const struct pf_event *pf_foreign_address(const struct pf_case *c, bool shared, const char **ret_process);

/* The two processes as nodes, and the address as an edge, with the reason why it means nothing to the one. */
void pf_foreign_draw(struct pf_case *c, const char *process, const struct pf_event *event, const char *why);

#endif
