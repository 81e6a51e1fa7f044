/* remedy.h - what to do about a deadlock that has no name of its own: by the kinds of waits that make it. */
#ifndef PF_JUDGE_REMEDY_H
#define PF_JUDGE_REMEDY_H

#include "judge/case.h"
#include "judge/chain.h"

/* How to break the chain where it is best broken. A constant text. */
const char *pf_remedy(const struct pf_case *c, const struct pf_chain *chain);

#endif
