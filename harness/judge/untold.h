/* untold.h - a thread that waits for news, and the one who joins it although nobody has told it to stop. */
#ifndef PF_JUDGE_UNTOLD_H
#define PF_JUDGE_UNTOLD_H

#include "judge/case.h"

struct pf_untold {
    size_t joiner, joined; /* threads of one process */
    bool certain;          /* false: the join is concluded from what a runtime does at exit */
};

/* The first such pair of which nobody else could help. */
bool pf_untold_find(const struct pf_case *c, struct pf_untold *ret_untold);
/* Who waits, from the outermost parent down to the thread that was not told. */
const struct pf_chain *pf_untold_story(const struct pf_graph *graph, const struct pf_untold *untold);

#endif
