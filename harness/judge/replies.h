/* replies.h - questions and answers that a program keeps books of: who asked what, and which answer it got.
 */
#ifndef PF_JUDGE_REPLIES_H
#define PF_JUDGE_REPLIES_H

#include "judge/case.h"

/* An answer that was not to what its thread had asked. */
struct pf_stray_reply {
    const struct pf_event *asked, *answered;
};

/*
 * The next one, from event `at` on:
 *     for (size_t at = 0; pf_replies_next_stray(c, &at, &stray);) …
 */
bool pf_replies_next_stray(const struct pf_case *c, size_t *at, struct pf_stray_reply *ret_stray);
/* Who asked that, in another thread than the one that got the answer; NULL: nobody. */
const struct pf_event *pf_replies_whose(const struct pf_case *c, const struct pf_stray_reply *stray);

#endif
