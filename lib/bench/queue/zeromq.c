/* ZeroMQ, over a Unix socket. */
#include "carrier.h"

#if !defined(BENCH_WITHOUT_PEERS) && __has_include(<zmq.h>)
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

struct zeromq {
    char address[80];
    int messages; /* that either end may hold */
    int producers;
    void *socket;
};

/* Messages are dealt out in turn, not to whoever asks for one: with many consumers it is no queue. */
static bool carries(const struct shape *shape)
{
    return shape->consumers == 1;
}

static void *open_queue(const struct shape *shape)
{
    static int serial;
    struct zeromq *queue = calloc(1, sizeof(*queue));
    size_t messages = shape->capacity / shape->size / 2;

    require(queue != NULL, "memory");
    queue->messages = messages > 0 ? (int)messages : 1;
    queue->producers = shape->producers;
    snprintf(queue->address, sizeof(queue->address), "ipc:///tmp/bench-queue-%d-%d", (int)getpid(), serial++);
    return queue;
}

/* Both ends know each other before the clock starts: a producer says hello. */
static void join(void *handle, bool produces, int which)
{
    struct zeromq *queue = handle;
    int option = produces ? ZMQ_SNDHWM : ZMQ_RCVHWM;
    char hello = 0;

    (void)which;
    queue->socket = zmq_socket(zmq_ctx_new(), produces ? ZMQ_PUSH : ZMQ_PULL);
    require(queue->socket && zmq_setsockopt(queue->socket, option, &queue->messages, sizeof(int)) == 0,
            "zmq_socket");
    require((produces ? zmq_connect : zmq_bind)(queue->socket, queue->address) == 0, "zmq_connect");
    if (produces)
        require(zmq_send(queue->socket, &hello, 1, 0) == 1, "zmq_send");
    for (int i = 0; i < queue->producers && !produces; i++)
        require(zmq_recv(queue->socket, &hello, 1, 0) == 1, "zmq_recv");
}

static void put(void *handle, const void *data, size_t size)
{
    require(zmq_send(((struct zeromq *)handle)->socket, data, size, 0) == (int)size, "zmq_send");
}

static void get(void *handle, void *data, size_t size)
{
    require(zmq_recv(((struct zeromq *)handle)->socket, data, size, 0) == (int)size, "zmq_recv");
}

static void close_queue(void *handle)
{
    struct zeromq *queue = handle;

    unlink(queue->address + sizeof("ipc://") - 1);
    free(queue);
}

const struct carrier carrier_zeromq = {.name = "ZeroMQ",
                                       .carries = carries,
                                       .open = open_queue,
                                       .join = join,
                                       .put = put,
                                       .get = get,
                                       .close = close_queue};
#else
static bool carries(const struct shape *shape)
{
    return shape->consumers == 1;
}

static void *not_installed(const struct shape *shape)
{
    (void)shape;
    return NULL;
}

const struct carrier carrier_zeromq = {.name = "ZeroMQ", .carries = carries, .open = not_installed};
#endif
