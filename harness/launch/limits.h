/* limits.h - the resource limits of a trial, made ready for the child to set. */
#ifndef PF_LAUNCH_LIMITS_H
#define PF_LAUNCH_LIMITS_H

#include "launch/child.h"
#include "model/error.h"
#include "model/trial.h"

/*
 * Makes them, in the arena. The soft limit is set, and the hard one only where it must come down with it, so
 * that a program that knows how to raise its soft limit can do so. Errors: -EINVAL for an unknown resource.
 */
int pf_launch_limits(const struct pf_trial *trial, struct pf_arena *arena,
                     const struct pf_child_limit **ret_limits, struct pf_error *error);

#endif
