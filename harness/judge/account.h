/* account.h - the plain facts of a trial: which faults struck where, what was printed. */
#ifndef PF_JUDGE_ACCOUNT_H
#define PF_JUDGE_ACCOUNT_H

#include "judge/case.h"

void pf_account_faults(struct pf_case *c);
/* Exit of the root, duration and latency of the verdict. */
void pf_account_end(struct pf_case *c);
/* The captured output, at most 64 KiB of it, and the notes. */
void pf_account_output(struct pf_case *c);

#endif
