/* The shared block as an object that travels, and what it says of itself. */
#ifndef MPROC_SHM_INTERNAL_H
#define MPROC_SHM_INTERNAL_H

#include <stdint.h>

#include "object.h"

struct shm_shared {
    uint64_t size; /* of one element */
    uint64_t count;
    uint32_t type; /* enum mproc_shm_type */
};

extern const struct mproc_class mproc_shm_class;

#endif
