/* The same with libmproc's queue. */
#include <mproc/queue.h>

#include "survivors.h"

static struct mproc_queue *queue;

static void make_queue(void)
{
    if (mproc_queue_create(NULL, &queue) != 0)
        _exit(9);
}

static void put_message(const char *message)
{
    if (mproc_queue_put(queue, message, SIZE, MPROC_FOREVER) != 0)
        _exit(9);
}

static void get_message(char *ret_message)
{
    size_t length;

    if (mproc_queue_get_into(queue, MPROC_FOREVER, SIZE, ret_message, &length) != 0 || length != SIZE)
        _exit(9);
}
