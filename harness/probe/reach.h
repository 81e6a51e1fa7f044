/*
 * reach.h - who can reach an object by its name: everybody, or only what runs in the containment.
 *
 * A containment has an IPC namespace and a /dev/shm of its own. What is named there can be opened later by
 * any process of the tree, and by nobody else: the object is `named`. A name that others know makes it
 * `external`.
 */
#ifndef PF_PROBE_REACH_H
#define PF_PROBE_REACH_H

#include "probe/survey.h"

/* Whether the file system of that device is mounted in the containment only. */
bool pf_reach_own_device(const struct pf_survey *survey, uint64_t device);
/* Whether System V objects, POSIX queues and segments belong to the tree alone, read at most once. */
bool pf_reach_own_ipc(struct pf_survey *survey);

/* Says how it can be reached by its name; `why` is for the case that others know the name. */
void pf_object_set_named(struct pf_object *object, bool own, const char *why);

#endif
