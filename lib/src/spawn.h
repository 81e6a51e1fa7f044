/*
 * Start method spawn: the guard's child runs the program anew, which takes up the start when it opens its
 * context.
 *
 * What the worker needs goes through the exec in a memory file, and descriptors that it names; the name of
 * the file's descriptor, and whose it is, are in the environment until it is taken up.
 */
#ifndef MPROC_SPAWN_H
#define MPROC_SPAWN_H

#include <stdint.h>

#include <mproc/context.h>

#include "worker.h"

/* In a new child that has its standard descriptors, folder and environment: becomes the program anew. `body`
 * is as in struct mproc_worker. Returns only to say why not: a negative errno. */
int mproc_spawn_exec(const struct mproc_worker *worker, const unsigned char *body);

/* In mproc_context_open(): whether this process is such a worker, and what it needs, which lives as long as
 * the process. Returns 0 when it is none, or 1. Errors: -EINVAL the program has no such entry any more, and
 * -EBADMSG, both with detail, when `ret_worker` suffices to say so. */
int mproc_spawn_take_up(const struct mproc_entry *entries, uint32_t nentries,
                        struct mproc_worker *ret_worker);

#endif
