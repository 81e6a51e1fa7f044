/*
 * A worker works out jobs and sends a record of each to its parent. On Ctrl-C
 * the parent begins nothing new, waits for the record of the job that is under
 * way, and ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/shutdown.h>
#include <pitfall/point.h>

#define JOBS 10

struct record {
    int job;
    long square;
};

/* Signals of the terminal do not get here: the worker is of another process
 * group. */
static int work(struct mproc_args *args)
{
    struct mproc_queue *jobs, *records;
    struct record record;
    size_t len;
    int err = mproc_args_get_queue(args, 0, &jobs);
    if (!err)
        err = mproc_args_get_queue(args, 1, &records);
    while (!err) {
        err = mproc_queue_get_into(jobs, MPROC_FOREVER, sizeof(record.job),
                                   &record.job, &len);
        if (err)
            break;
        PITFALL_POINT("mid-record");
        record.square = (long)record.job * record.job;
        err = mproc_queue_put(records, &record, sizeof(record),
                              mproc_deadline_ms(1000));
    }
    return err == -EPIPE || err == -ECANCELED ? 0 : err;
}

static int receive(struct mproc_queue *records, uint64_t deadline,
                   int *ret_done)
{
    struct record record;
    size_t len;
    int err = mproc_queue_get_into(records, deadline, sizeof(record), &record,
                                   &len);
    if (!err) {
        PITFALL_LEDGER("received", record.job);
        *ret_done += 1;
    }
    return err;
}

static int run_jobs(struct mproc_queue *jobs, struct mproc_queue *records,
                    int *ret_done)
{
    int err = 0;
    for (int job = 1;
         job <= JOBS && mproc_stop_level(NULL) == MPROC_RUNNING && !err;
         job++) {
        PITFALL_LEDGER("sent", job);
        err = mproc_queue_put(jobs, &job, sizeof(job), mproc_deadline_ms(1000));
        if (!err)
            err = receive(records, mproc_deadline_ms(1000), ret_done);
    }
    return err == -ECANCELED ? 0 : err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *jobs = NULL, *records = NULL;
    struct mproc_process *worker = NULL;
    struct mproc_args *args = NULL;
    struct mproc_status status;
    int done = 0,
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shutdown_install(NULL, 0);
    if (!err)
        err = mproc_queue_create(NULL, &jobs);
    if (!err)
        err = mproc_queue_create(NULL, &records);
    if (!err)
        err = mproc_args_new(&args);
    if (!err) {
        mproc_args_add_queue(args, jobs);
        mproc_args_add_queue(args, records);
        err = mproc_process_start(context, "work", args, NULL, &worker);
    }
    if (!err)
        err = run_jobs(jobs, records, &done);
    if (!err)
        err = mproc_queue_close(jobs, mproc_deadline_ms(1000));
    /* The worker has been asked to stop: it ends when its record is whole, and
     * then that is taken. */
    int closed = mproc_context_close(context, mproc_deadline_ms(2000));
    while (!err && receive(records, MPROC_NOW, &done) == 0)
        continue;
    if (!err)
        err = closed;
    if (!err)
        err = mproc_process_join(worker, MPROC_NOW, &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d jobs done\n", done);
    mproc_process_free(worker);
    mproc_args_free(args);
    mproc_queue_unref(jobs);
    mproc_queue_unref(records);
    if (err || fflush(stdout))
        return EXIT_FAILURE;
    return mproc_shutdown_signal() ? 128 + mproc_shutdown_signal()
                                   : EXIT_SUCCESS; /* as shells say it */
}
