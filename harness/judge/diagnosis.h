/* diagnosis.h - names what happened: the chain of waits in words, and the pitfall, if it is a known one. */
#ifndef PF_JUDGE_DIAGNOSIS_H
#define PF_JUDGE_DIAGNOSIS_H

#include "judge/case.h"
#include "judge/chain.h"
#include "judge/rules/rule.h"

/* Sets the trial's diagnosis, or leaves it NULL when there is nothing to explain. */
void pf_diagnose(struct pf_case *c);

/* "0 (make) waits for …; 0.1 (sh) waits for …": the waits of a chain in one go; lives in scratch. */
const char *pf_diagnosis_tell(const struct pf_case *c, const struct pf_chain *chain);

/* Writes the diagnosis of a match, with what is supposed; `pitfall` NULL: it has no name. */
void pf_explain(struct pf_case *c, const char *pitfall, const struct pf_match *match);
/* The first rule that matches. Returns whether one does. */
bool pf_explain_by_rule(struct pf_case *c);
/* The story that begins with a stuck thread. */
void pf_explain_by_chain(struct pf_case *c, size_t start);

#endif
