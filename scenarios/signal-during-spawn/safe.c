/*
 * A server starts workers, which take requests out of a queue. On SIGTERM it
 * ends them all, and then itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/shutdown.h>
#include <pitfall/point.h>

#define WORKERS 4

static int work(struct mproc_args *args)
{
    struct mproc_queue *requests;
    int request, err = mproc_args_get_queue(args, 0, &requests);
    size_t len;
    while (!err &&
           !(err = mproc_queue_get_into(requests, MPROC_FOREVER,
                                        sizeof(request), &request, &len)))
        printf("a request\n");
    return err == -ECANCELED ? 0 : err;
}

/* A signal while a process is being started waits until that is known; after
 * it, nothing new is begun. */
static int start_workers(struct mproc_context *context,
                         const struct mproc_args *args)
{
    int err = 0;
    for (int i = 0; i < WORKERS && !err; i++) {
        struct mproc_process *worker = NULL;
        err = mproc_process_start(context, "work", args, NULL, &worker);
        PITFALL_POINT("forked");
        mproc_process_free(worker);
    }
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *requests = NULL;
    struct mproc_args *args = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shutdown_install(NULL, 0);
    if (!err)
        err = mproc_queue_create(NULL, &requests);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_queue(args, requests);
    if (!err)
        err = start_workers(context, args);
    if (!err)
        err = mproc_stop_wait(NULL, MPROC_FOREVER);
    if (err && err != -ECANCELED)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_args_free(args);
    mproc_queue_unref(requests);
    /* All that were started are joined, whether anybody has noted them or not.
     */
    int closed = mproc_context_close(context, mproc_deadline_ms(2000));
    if (!closed)
        printf("all workers have ended, after SIG%s\n",
               sigabbrev_np(mproc_shutdown_signal()));
    return (err && err != -ECANCELED) || closed || fflush(stdout)
               ? EXIT_FAILURE
               : EXIT_SUCCESS;
}
