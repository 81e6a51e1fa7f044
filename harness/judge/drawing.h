/* drawing.h - a chain as the nodes and edges of a diagnosis. */
#ifndef PF_JUDGE_DRAWING_H
#define PF_JUDGE_DRAWING_H

#include "judge/case.h"
#include "judge/chain.h"

/* Adds a node unless it is there; the strings are copied. */
void pf_draw_node(struct pf_case *c, const char *id, const char *state);
/* Adds an edge and returns it for evidence; the strings are copied. */
struct pf_edge *pf_draw_edge(struct pf_case *c, const char *from, const char *to, const char *resource,
                             const char *why);
void pf_draw_evidence(struct pf_case *c, struct pf_edge *edge, uint64_t seq);

/* The chain itself, link by link, and its circle; `dead` as in struct pf_match. */
void pf_draw_chain(struct pf_case *c, const struct pf_chain *chain, const char *dead);
/* Every other stuck thread, with one edge each. */
void pf_draw_others(struct pf_case *c);

/* Why the waker at the end of a link will not do it: one sentence without a full stop; lives in scratch. */
const char *pf_draw_why(const struct pf_case *c, const struct pf_link *link, const char *dead);

#endif
