/* The event as an object that travels, with and without a promise. */
#ifndef MPROC_EVENT_INTERNAL_H
#define MPROC_EVENT_INTERNAL_H

#include <mproc/event.h>

#include "object.h"

extern const struct mproc_class mproc_event_class;
extern const struct mproc_class mproc_event_promise_class;

/* In a new worker: makes the promises that came with arguments, for the calling thread. The handles wait
 * there for mproc_args_get_event(). Errors: those of mproc_event_promise() and of unpacking, with detail. */
int mproc_event_keep_promises(const struct mproc_args *args);

#endif
