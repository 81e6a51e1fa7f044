/* state.h - variables that a program keeps books of: who set them to what, and who read what. */
#ifndef PF_JUDGE_STATE_H
#define PF_JUDGE_STATE_H

#include "judge/case.h"

/* A read that saw something else than what was set before the reader was born. */
struct pf_stale_read {
    const char *name;
    const struct pf_event *set, *read;
};

/*
 * The next one, from event `at` on:
 *     for (size_t at = 0; pf_state_next_stale(c, &at, &stale);) …
 */
bool pf_state_next_stale(const struct pf_case *c, size_t *at, struct pf_stale_read *ret_stale);

#endif
