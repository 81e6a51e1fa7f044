/* The barrier as an object that travels. */
#ifndef MPROC_BARRIER_INTERNAL_H
#define MPROC_BARRIER_INTERNAL_H

#include "object.h"

extern const struct mproc_class mproc_barrier_class;

#endif
