/* The rwlock as an object that travels. */
#ifndef MPROC_RWLOCK_INTERNAL_H
#define MPROC_RWLOCK_INTERNAL_H

#include "object.h"

extern const struct mproc_class mproc_rwlock_class;

#endif
