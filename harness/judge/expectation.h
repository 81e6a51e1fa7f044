/* expectation.h - from findings to one verdict: did the trial show what it was expected to show? */
#ifndef PF_JUDGE_EXPECTATION_H
#define PF_JUDGE_EXPECTATION_H

#include "judge/case.h"

/* Sets verdict and reason. */
void pf_expectation_judge(struct pf_case *c);

#endif
