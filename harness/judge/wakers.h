/* wakers.h - for one blocked thread: everybody who could end its wait, by the kind of the wait. */
#ifndef PF_JUDGE_WAKERS_H
#define PF_JUDGE_WAKERS_H

#include "judge/graph.h"

/* How many ends of one object can be waited at: slots in pf_graph.parties per object. */
enum { PF_ENDS = 4 };

/*
 * Fills wakers, base, why and hard of one thread. Whoever is left out here can never release the thread, so
 * where the set is not known for certain the base becomes ALIVE.
 */
void pf_wakers_find(struct pf_graph *graph, size_t thread);

#endif
