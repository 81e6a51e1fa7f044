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

/*
 * From whom the several who hold a pipe have it: ", made by 0" where that is the root, else ", which comes
 * from 0.1", and whether that one has closed its own ends; empty where it is not known. Descriptors that are
 * passed through sockets are not seen.
 */
const char *pf_hold_origin(const struct pf_case *c, const struct pf_object *object);
/* Through which descriptor the process has the end that could end the thread's wait; -1: none. */
int64_t pf_hold_fd(const struct pf_thread_state *waiter, const struct pf_object *object, const char *process);

#endif
