/* The worker's side of a pool: what its process runs. */
#ifndef MPROC_POOL_SERVE_H
#define MPROC_POOL_SERVE_H

#include <mproc/context.h>

/* The library's own entry. Its arguments, in this order: */
enum pool_serve_arg {
    POOL_SERVE_HAND,    /* object */
    POOL_SERVE_LANE,    /* integer */
    POOL_SERVE_CHANNEL, /* descriptor; the init hook's arguments come through it first */
    POOL_SERVE_INIT,    /* index of an entry, or -1 */
    POOL_SERVE_EXIT,    /* the same */
    POOL_SERVE_TASKS,   /* so many, then it ends; 0: no bound */
    POOL_SERVE_BYTES,   /* resident, then it ends; 0: no bound */
    POOL_SERVE_CPU,     /* to run on alone, or -1 */
};

extern const struct mproc_entry mproc_pool_entry;

#endif
