/*
 * suppose.h - likely explanations. A proof takes that nobody could do anything. Where somebody could, the
 * judge may still ask what would hold if they did not, as they have not done until the deadline; and says
 * what it has supposed.
 */
#ifndef PF_JUDGE_SUPPOSE_H
#define PF_JUDGE_SUPPOSE_H

#include "judge/case.h"

/* Time was up, and nothing is proven. Returns whether some supposition explains it: the diagnosis is then
 * written. */
bool pf_explain_by_supposing(struct pf_case *c);

/* Supposes that nobody outside does anything, until pf_suppose_no_more(). Returns whether somebody is stuck
 * then who waits for what others of the tree would do; if not, nothing is supposed. */
bool pf_suppose_nobody_comes(struct pf_case *c);
void pf_suppose_no_more(struct pf_case *c);

/* Where a reader starts to ask: the stuck main thread nearest to the root, of those who are not merely idle
 * if there is a supposition. */
size_t pf_suppose_start(const struct pf_graph *graph);

#endif
