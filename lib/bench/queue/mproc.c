/* Ours. */
#include <mproc/error.h>
#include <mproc/queue.h>

#include "carrier.h"

static void *open_queue(const struct shape *shape)
{
    struct mproc_queue *queue;

    require(mproc_queue_create(&(struct mproc_queue_options){.bytes = shape->capacity}, &queue) == 0,
            "queue");
    return queue;
}

static void put(void *handle, const void *data, size_t size)
{
    require(mproc_queue_put(handle, data, size, MPROC_FOREVER) == 0, mproc_error_detail());
}

static void get(void *handle, void *data, size_t size)
{
    size_t length;

    require(mproc_queue_get_into(handle, MPROC_FOREVER, size, data, &length) == 0 && length == size,
            mproc_error_detail());
}

static void close_queue(void *handle)
{
    mproc_queue_unref(handle);
}

const struct carrier carrier_mproc = {
    .name = "mproc", .open = open_queue, .put = put, .get = get, .close = close_queue};
