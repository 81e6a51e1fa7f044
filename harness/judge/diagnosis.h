/* diagnosis.h - names what happened: the chain of waits in words, and the pitfall, if it is a known one. */
#ifndef PF_JUDGE_DIAGNOSIS_H
#define PF_JUDGE_DIAGNOSIS_H

#include "judge/case.h"
#include "judge/chain.h"

/* Sets the trial's diagnosis, or leaves it NULL when there is nothing to explain. */
void pf_diagnose(struct pf_case *c);

/* "0 (make) waits for …; 0.1 (sh) waits for …": the waits of a chain in one go; lives in scratch. */
const char *pf_diagnosis_tell(const struct pf_case *c, const struct pf_chain *chain);

#endif
