/*
 * Two workers take jobs from one queue and put their results into another; the
 * parent adds them up.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

#define JOBS    10
#define WORKERS 2

struct result {
    int job;
    long square;
};

static int work(struct mproc_args *args)
{
    struct mproc_queue *jobs, *results;
    struct result result;
    size_t len;
    int err = mproc_args_get_queue(args, 0, &jobs);
    if (!err)
        err = mproc_args_get_queue(args, 1, &results);
    PITFALL_POINT("ready");
    while (!err &&
           !(err = mproc_queue_get_into(jobs, MPROC_FOREVER, sizeof(int),
                                        &result.job, &len))) {
        PITFALL_POINT("task-taken");
        result.square = (long)result.job * result.job;
        err = mproc_queue_put(results, &result, sizeof(result),
                              mproc_deadline_ms(1000));
    }
    return err == -EPIPE ? 0 : err;
}

/* Who dies after the result, and before the next job, has done it all the same:
 * then there are two of one. */
static int add_up(struct mproc_queue *results, long *ret_sum)
{
    bool done[JOBS + 1] = {false};
    for (int left = JOBS; left > 0;) {
        struct result result;
        size_t len;
        int err = mproc_queue_get_into(results, mproc_deadline_ms(5000),
                                       sizeof(result), &result, &len);
        if (err)
            return err;
        if (done[result.job])
            continue;
        done[result.job] = true;
        *ret_sum += result.square;
        left--;
    }
    return 0;
}

static int run(struct mproc_context *context, struct mproc_queue *jobs,
               struct mproc_queue *results, long *ret_sum)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_queue(args, jobs);
    mproc_args_add_queue(args, results);
    for (int i = 0; i < WORKERS && !err; i++) {
        struct mproc_process *worker = NULL;
        err = mproc_process_start(context, "work", args, NULL, &worker);
        mproc_process_free(worker);
    }
    for (int job = 1; job <= JOBS && !err; job++)
        err = mproc_queue_put(jobs, &job, sizeof(job), mproc_deadline_ms(1000));
    if (!err)
        err = add_up(results, ret_sum);
    mproc_args_free(args);
    return err ? err : mproc_queue_close(jobs, mproc_deadline_ms(1000));
}

/* What a worker has taken and not done when it dies goes to another one. */
static const struct mproc_queue_options redelivering = {
    .reader_death = MPROC_READER_DEATH_REDELIVERS};

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *jobs = NULL, *results = NULL;
    long sum = 0;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(&redelivering, &jobs);
    if (!err)
        err = mproc_queue_create(NULL, &results);
    if (!err)
        err = run(context, jobs, results, &sum);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("sum %ld\n", sum);
    mproc_queue_unref(jobs);
    mproc_queue_unref(results);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
