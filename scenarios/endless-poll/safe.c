/*
 * A producer puts measurements into a queue; its parent takes them out and adds
 * them up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/thread.h>
#include <pitfall/point.h>

#define MEASUREMENTS 100

struct source {
    struct mproc_process *producer;
    struct mproc_queue *queue;
    struct mproc_status end;
};

static int produce(struct mproc_args *args)
{
    struct mproc_queue *queue;
    int err = mproc_args_get_queue(args, 0, &queue);
    for (int i = 0; i < MEASUREMENTS && !err; i++) {
        PITFALL_POINT("before-put");
        err = mproc_queue_put(queue, &i, sizeof(i), mproc_deadline_ms(1000));
    }
    return err;
}

/* However the producer ends, its end closes the queue. */
static int watch(void *arg)
{
    struct source *source = arg;
    int err = mproc_process_join(source->producer, MPROC_FOREVER, &source->end);
    return err ? err
               : mproc_queue_close(source->queue, mproc_deadline_ms(1000));
}

/* Nobody polls: a get waits until there is a value, or until there will be
 * none. */
static int consume(struct source *source, long *ret_sum, int *ret_count)
{
    struct mproc_thread *watcher;
    int value,
        err = mproc_thread_start("watcher", watch, source, NULL, &watcher);
    size_t len;
    if (err)
        return err;
    while (!(err = mproc_queue_get_into(source->queue, MPROC_FOREVER,
                                        sizeof(value), &value, &len))) {
        *ret_sum += value;
        *ret_count += 1;
    }
    if (err == -EPIPE)
        err = mproc_thread_join(watcher, mproc_deadline_ms(1000), NULL);
    mproc_thread_free(watcher);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"produce", produce},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_args *args = NULL;
    struct source source = {0};
    long sum = 0;
    int count = 0,
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &source.queue);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_queue(args, source.queue);
    if (!err)
        err = mproc_process_start(context, "produce", args, NULL,
                                  &source.producer);
    if (!err)
        err = consume(&source, &sum, &count);
    char how[96];
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("sum %ld of %d measurements; producer: %s\n", sum, count,
               mproc_status_describe(&source.end, how, sizeof(how)));
    mproc_process_free(source.producer);
    mproc_args_free(args);
    mproc_queue_unref(source.queue);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || mproc_status_check(&source.end) || fflush(stdout)
               ? EXIT_FAILURE
               : EXIT_SUCCESS;
}
