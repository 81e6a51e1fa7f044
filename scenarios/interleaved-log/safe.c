/*
 * Two workers send their records to one process that writes the log: who they
 * are, and what they have done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

#define WORKERS 2
#define JOBS    3

/* However many steps it takes to make a record: it goes into the queue whole.
 */
static int log_record(struct mproc_queue *log, int worker, int job)
{
    char record[64];
    int len = snprintf(record, sizeof(record), "worker %d: ", worker);
    PITFALL_POINT("mid-record");
    len += snprintf(record + len, sizeof(record) - (size_t)len,
                    "job %d is done\n", job);
    return mproc_queue_put(log, record, (size_t)len, mproc_deadline_ms(1000));
}

static int work(struct mproc_args *args)
{
    struct mproc_queue *log;
    int64_t worker;
    int err = mproc_args_get_queue(args, 0, &log);
    if (!err)
        err = mproc_args_get_int(args, 1, &worker);
    PITFALL_POINT("begin");
    for (int job = 1; job <= JOBS && !err; job++) {
        err = log_record(log, (int)worker, job);
        PITFALL_POINT("logged");
    }
    return err;
}

static int start(struct mproc_context *context, struct mproc_queue *log,
                 int worker)
{
    struct mproc_process *process = NULL;
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_queue(args, log);
    mproc_args_add(args, worker);
    err = mproc_process_start(context, "work", args, NULL, &process);
    mproc_process_free(process);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *log = NULL;
    char record[64];
    size_t len;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &log);
    for (int worker = 1; worker <= WORKERS && !err; worker++)
        err = start(context, log, worker);
    for (int i = 0; i < WORKERS * JOBS && !err; i++) {
        err = mproc_queue_get_into(log, mproc_deadline_ms(5000), sizeof(record),
                                   record, &len);
        if (!err)
            fwrite(record, 1, len, stdout);
    }
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_queue_unref(log);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
