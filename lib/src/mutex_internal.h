/* The mutex as an object that travels. */
#ifndef MPROC_MUTEX_INTERNAL_H
#define MPROC_MUTEX_INTERNAL_H

#include "object.h"

extern const struct mproc_class mproc_mutex_class;

#endif
