/*
 * Forty jobs, worked out by a few processes that take them from one queue and put their results into another.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/limits.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

#define JOBS    40
#define WORKERS 4

struct result {
    int job;
    long square;
};

static int work(struct mproc_args *args)
{
    struct mproc_queue *jobs = NULL, *results = NULL;
    int err = mproc_args_get_queue(args, 0, &jobs);
    if (!err)
        err = mproc_args_get_queue(args, 1, &results);
    while (!err) {
        int job;
        size_t len;
        err = mproc_queue_get_into(jobs, MPROC_FOREVER, sizeof(job), &job, &len);
        if (err)
            break;
        struct result result = {job, (long)job * job};
        err = mproc_queue_put(results, &result, sizeof(result), mproc_deadline_ms(1000));
    }
    return err == -EPIPE ? 0 : err; /* closed and empty: all is done */
}

static int run_jobs(struct mproc_queue *jobs, struct mproc_queue *results, int *ret_done, long *ret_sum)
{
    int err = 0;
    for (int job = 1; job <= JOBS && !err; job++) {
        PITFALL_LEDGER("sent", job);
        err = mproc_queue_put(jobs, &job, sizeof(job), mproc_deadline_ms(1000));
    }
    if (!err)
        err = mproc_queue_close(jobs, mproc_deadline_ms(1000));
    for (int i = 0; i < JOBS && !err; i++) {
        struct result result;
        size_t len;
        err = mproc_queue_get_into(results, mproc_deadline_ms(5000), sizeof(result), &result, &len);
        if (err)
            break;
        PITFALL_LEDGER("received", result.job);
        *ret_sum += result.square;
        *ret_done += 1;
    }
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *jobs = NULL, *results = NULL;
    struct mproc_process *workers[WORKERS] = {NULL};
    struct mproc_args *args = NULL;
    int done = 0;
    long sum = 0;

    /* The need follows from the workers, not from the jobs, and is checked before any work is begun. */
    int err = mproc_limits_preflight(&(struct mproc_need){.workers = WORKERS, .fds = 8, .worker_fds = 8});
    if (!err)
        err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &jobs);
    if (!err)
        err = mproc_queue_create(NULL, &results);
    if (!err)
        err = mproc_args_new(&args);
    if (!err) {
        mproc_args_add_queue(args, jobs);
        mproc_args_add_queue(args, results);
    }
    for (int i = 0; i < WORKERS && !err; i++)
        err = mproc_process_start(context, "work", args, NULL, &workers[i]);
    if (!err)
        err = run_jobs(jobs, results, &done, &sum);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d jobs done, sum %ld\n", done, sum);

    for (int i = 0; i < WORKERS; i++)
        mproc_process_free(workers[i]);
    mproc_args_free(args);
    mproc_queue_unref(jobs);
    mproc_queue_unref(results);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
