/*
 * Eight workers are started, and begin together once all are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/limits.h>
#include <mproc/process.h>
#include <mproc/queue.h>

#define WORKERS 8

static int work(struct mproc_args *args)
{
    struct mproc_queue *go;
    int64_t part;
    char byte;
    size_t len;
    int err = mproc_args_get_int(args, 0, &part);
    if (!err)
        err = mproc_args_get_queue(args, 1, &go);
    if (!err)
        err = mproc_queue_get_into(go, mproc_deadline_ms(5000), sizeof(byte),
                                   &byte, &len);
    if (err)
        return err;
    long sum = 0;
    for (long number = part; number < 1000; number += WORKERS)
        sum += number;
    printf("part %d: %ld\n", (int)part, sum);
    return 0;
}

static int start(struct mproc_context *context, struct mproc_queue *go,
                 int part, struct mproc_process **ret_worker)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add(args, part);
    mproc_args_add_queue(args, go);
    err = mproc_process_start(context, "work", args, NULL, ret_worker);
    mproc_args_free(args);
    return err;
}

static int finish(struct mproc_process *worker)
{
    struct mproc_status status;
    int err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    return err ? err : mproc_status_check(&status);
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *go = NULL;
    struct mproc_process *workers[WORKERS] = {NULL};
    /* All or none: whether there is room for eight of them is asked before the
     * first. */
    int err = mproc_limits_preflight(
        &(struct mproc_need){.workers = WORKERS, .fds = 4});
    if (!err)
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &go);
    for (int part = 0; part < WORKERS && !err; part++)
        err = start(context, go, part, &workers[part]);
    for (int part = 0; part < WORKERS && !err; part++)
        err = mproc_queue_put(go, "", 1, mproc_deadline_ms(1000));
    for (int part = 0; part < WORKERS && !err; part++)
        err = finish(workers[part]);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    for (int part = 0; part < WORKERS; part++)
        mproc_process_free(workers[part]);
    /* Should one start fail all the same, those that are there are ended with
     * the context. */
    mproc_context_close(context, MPROC_NOW);
    mproc_queue_unref(go);
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
