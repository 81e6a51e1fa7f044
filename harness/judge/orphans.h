/* orphans.h - processes that were found as orphans, and who of their ancestors has ended. */
#ifndef PF_JUDGE_ORPHANS_H
#define PF_JUDGE_ORPHANS_H

#include "judge/case.h"

/*
 * The next orphan that was found, NULL after the last one:
 *     size_t at = 0;
 *     for (const struct pf_life *orphan; (orphan = pf_orphan_next(c, &at));) …
 */
const struct pf_life *pf_orphan_next(const struct pf_case *c, size_t *finding);
/* The two as nodes, and that the one has left the other behind as an edge. */
void pf_orphan_draw(struct pf_case *c, const struct pf_life *orphan, const struct pf_life *gone);

/* Orphans whose nearest ancestor that has ended did so in one way. */
struct pf_bereft {
    const struct pf_life *first, *gone; /* the first of them, and that ancestor of its */
    size_t count;
};

/* Draws those whose ancestor was ended by a signal, or those whose ancestor came to its own end. Returns
 * whether there are any. */
bool pf_orphans_draw(struct pf_case *c, bool signaled, struct pf_bereft *ret_bereft);

#endif
