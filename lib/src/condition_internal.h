/* The condition as an object that travels. */
#ifndef MPROC_CONDITION_INTERNAL_H
#define MPROC_CONDITION_INTERNAL_H

#include <mproc/condition.h>

#include "object.h"

/* What it unpacks has no mutex yet. */
extern const struct mproc_class mproc_condition_class;

/* Gives it the mutex that it was made for. Errors: -EINVAL another mutex; -EBADF. */
int mproc_condition_bind(struct mproc_condition *condition, struct mproc_mutex *mutex);

#endif
