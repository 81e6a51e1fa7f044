/*
 * Forty jobs, worked out by a pool of four processes.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/limits.h>
#include <mproc/pool.h>
#include <pitfall/point.h>

#define JOBS    40
#define WORKERS 4

struct total {
    int done;
    long sum;
};

static int square(struct mproc_args *args)
{
    int64_t job;
    int err = mproc_args_get_int(args, 0, &job);
    return err ? err : mproc_args_add_int(mproc_task_result(), job * job);
}

static int feed(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    PITFALL_LEDGER("sent", index + 1);
    return mproc_args_add_int(args, (int64_t)index + 1);
}

static void add(void *user, const struct mproc_result *result)
{
    struct total *total = user;
    int64_t squared;
    if (result->values &&
        mproc_args_get_int(result->values, 0, &squared) == 0) {
        PITFALL_LEDGER("received", result->index + 1);
        total->sum += squared;
        total->done++;
    }
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"square", square},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_pool *pool = NULL;
    struct total total = {0};
    /* The need follows from the workers, not from the jobs, and is checked
     * before any work is begun. */
    int err = mproc_limits_preflight(&(struct mproc_need){
        .workers = WORKERS, .fds = 2 * WORKERS + 3, .worker_fds = 8});
    if (!err)
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_pool_create(
            context, &(struct mproc_pool_options){.workers = WORKERS}, &pool);
    /* A job that could not be done is an error here, and not only a smaller
     * sum. */
    if (!err)
        err = mproc_pool_map(pool, "square", feed, NULL,
                             &(struct mproc_map_options){.count = JOBS}, add,
                             &total, mproc_deadline_ms(5000));
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d jobs done, sum %ld\n", total.done, total.sum);
    mproc_pool_free(pool);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
