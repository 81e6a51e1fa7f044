/*
 * carrier.h - a way to carry messages of one size between processes: what the benchmark of queues compares.
 *
 * Every function ends the program when it fails, but for open.
 */
#ifndef BENCH_QUEUE_CARRIER_H
#define BENCH_QUEUE_CARRIER_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/measure.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who exchanges what. */
struct shape {
    size_t size;     /* of a message, bytes */
    size_t capacity; /* of the queue, bytes: the same for everybody */
    int producers;
    int consumers;
};

struct carrier {
    const char *name;
    /* Whether this shape can be had; NULL: all can. */
    bool (*carries)(const struct shape *shape);
    /* Before the processes are forked. NULL: not to be had here. */
    void *(*open)(const struct shape *shape);
    /* In each process, before its first message: it is a producer or a consumer, the `which`-th of them.
     * NULL: nothing to do. */
    void (*join)(void *handle, bool produces, int which);
    void (*put)(void *handle, const void *data, size_t size);
    void (*get)(void *handle, void *data, size_t size);
    void (*close)(void *handle); /* by who opened it */
};

extern const struct carrier carrier_mproc, carrier_pipe, carrier_mq, carrier_sysv, carrier_seqpacket,
    carrier_boost, carrier_zeromq;

#ifdef __cplusplus
}
#endif

#endif
