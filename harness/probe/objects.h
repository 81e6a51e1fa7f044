/*
 * objects.h - kernel objects of a snapshot: found by descriptor, with everybody who holds them.
 */
#ifndef PF_PROBE_OBJECTS_H
#define PF_PROBE_OBJECTS_H

#include "probe/survey.h"

/* What the object behind a descriptor is called. */
const char *pf_object_id(struct pf_survey *survey, const struct pf_site *site, const struct pf_fd *fd);

/* The object behind a descriptor, read when first asked for. */
struct pf_object *pf_object_of_fd(struct pf_survey *survey, struct pf_site *site, struct pf_fd *fd);

/* Adds a holder for each descriptor of the tree that is of the same object as `sample`. */
void pf_object_add_holders(struct pf_survey *survey, struct pf_object *object, const struct pf_site *site,
                           const struct pf_fd *sample);

/* A descriptor of the tree by kind and inode, with its process; NULL when nobody holds one. */
struct pf_fd *pf_object_find_fd(struct pf_survey *survey, enum pf_object_kind kind, uint64_t inode,
                                struct pf_site **ret_site);

#endif
