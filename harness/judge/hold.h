/* hold.h - through which descriptor a process has hold of an object, and from whom it has that. */
#ifndef PF_JUDGE_HOLD_H
#define PF_JUDGE_HOLD_H

#include "judge/case.h"

/*
 * "by its fd 5; 0.1 inherited that end from 0 as fd 4": how `other` could do its deed on the object that the
 * thread waits for, and why the waiter's own process could; either may be NULL, or not known, and is left
 * out. NULL: there is nothing to say. Lives in scratch.
 */
const char *pf_hold_phrase(const struct pf_case *c, const struct pf_thread_state *waiter,
                           const struct pf_object *object, const char *other, const char *own);

#endif
