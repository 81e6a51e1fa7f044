/* The mutex as an object that travels, and what conditions need to know of it. */
#ifndef MPROC_MUTEX_INTERNAL_H
#define MPROC_MUTEX_INTERNAL_H

#include "handle.h"
#include "lock.h"

struct mutex_shared {
    uint32_t deaths;
};

struct mproc_mutex {
    struct mproc_handle handle;
    struct mproc_lock lock;
};

extern const struct mproc_class mproc_mutex_class;
extern const struct mproc_class mproc_rlock_class;

#endif
