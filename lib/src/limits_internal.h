/* What bounds a resource, and what is left of it. */
#ifndef MPROC_LIMITS_INTERNAL_H
#define MPROC_LIMITS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <mproc/limits.h>

struct mproc_bound {
    uint64_t value; /* MPROC_UNLIMITED: nothing bounds it */
    uint64_t used;
    char name[128];
};

/* The bound that leaves least, when `used` are in use already. */
int mproc_limits_find_bound(int resource, uint64_t used, struct mproc_bound *ret_bound);

/* In the initial user namespace root is never bound by RLIMIT_NPROC. */
bool mproc_limits_nproc_binds(void);

#endif
