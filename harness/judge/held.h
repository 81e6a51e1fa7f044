/* held.h - what a process had open while the plan held a thread of it. */
#ifndef PF_JUDGE_HELD_H
#define PF_JUDGE_HELD_H

#include "judge/case.h"

struct pf_held {
    const struct pf_life *life;
    const char *thread;
    const struct pf_event *held, *released; /* what was open then; the latter may be NULL */
};

/*
 * The next one, from event `at` on:
 *     for (size_t at = 0; pf_held_next(c, &at, &held);) …
 */
bool pf_held_next(const struct pf_case *c, size_t *at, struct pf_held *ret_held);

#endif
