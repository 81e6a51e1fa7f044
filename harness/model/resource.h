/* resource.h - resource limits by the names that prlimit(1) gives them. */
#ifndef PF_MODEL_RESOURCE_H
#define PF_MODEL_RESOURCE_H

#include <stddef.h>

/* RLIMIT_… of "nofile", or -1. */
int pf_resource_number(const char *name);
/* The index-th name, or NULL past the last: for messages and completion. */
const char *pf_resource_name(size_t index);

#endif
