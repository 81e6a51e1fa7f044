/*
 * A worker sends records to a collector. A worker that dies is replaced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

#define RECORDS 10
#define LENGTH  64

/* A record is in the queue or not: who dies in a put, or before it, has put
 * nothing. */
static int work(struct mproc_args *args)
{
    struct mproc_queue *records;
    char text[LENGTH];
    int64_t first;
    int err = mproc_args_get_queue(args, 0, &records);
    if (!err)
        err = mproc_args_get_int(args, 1, &first);
    for (int number = (int)first; number <= RECORDS && !err; number++) {
        snprintf(text, sizeof(text), "%d: the square is %d", number,
                 number * number);
        PITFALL_LEDGER("sent", number);
        PITFALL_POINT("frame-half");
        err = mproc_queue_put(records, text, strlen(text),
                              mproc_deadline_ms(1000));
    }
    return err;
}

/* Takes what a worker has put, each of it whole. */
static int collect(struct mproc_queue *records, int *last)
{
    char text[LENGTH];
    size_t len;
    int err;
    while (!(err = mproc_queue_get_into(records, MPROC_NOW, sizeof(text) - 1,
                                        text, &len))) {
        text[len] = '\0';
        *last = atoi(text);
        PITFALL_LEDGER("received", *last);
        printf("%s\n", text);
    }
    return err == -EAGAIN ? 0 : err;
}

static int run_worker(struct mproc_context *context,
                      struct mproc_queue *records, int first,
                      struct mproc_status *ret_status)
{
    struct mproc_process *worker = NULL;
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_queue(args, records);
    mproc_args_add(args, first);
    err = mproc_process_start(context, "work", args, NULL, &worker);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), ret_status);
    mproc_process_free(worker);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *records = NULL;
    struct mproc_status status;
    int last = 0,
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &records);
    for (int workers = 0; workers < 3 && last < RECORDS && !err; workers++) {
        err = run_worker(context, records, last + 1, &status);
        if (!err)
            err = collect(records, &last);
    }
    if (!err && last < RECORDS)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_queue_unref(records);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
