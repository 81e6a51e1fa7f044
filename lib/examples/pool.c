/*
 * Runs tasks in worker processes. One of them kills its worker: that task fails and says why, a second time
 * it is run again, and the others do not notice.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/pool.h>

/* The square of a number; the worker dies at number 3, as often as the second argument says. */
static int square(struct mproc_args *args)
{
    int64_t number, deaths;

    if (mproc_args_get_int(args, 0, &number) || mproc_args_get_int(args, 1, &deaths))
        return -1;
    if (number == 3 && (int64_t)mproc_task_attempt() <= deaths)
        raise(SIGKILL);
    return mproc_args_add_int(mproc_task_result(), number * number);
}

static int feed(void *deaths, uint64_t index, struct mproc_args *args)
{
    mproc_args_add_uint(args, index);
    return mproc_args_add_int(args, *(int *)deaths);
}

static void print(void *done, const struct mproc_result *result)
{
    int64_t number = 0;

    *(int *)done += result->outcome == MPROC_OUTCOME_DONE;
    if (result->outcome == MPROC_OUTCOME_DONE && mproc_args_get_int(result->values, 0, &number) == 0)
        printf("%d: %d, attempt %u\n", (int)result->index, (int)number, result->attempts);
    else
        printf("%d: worker %s\n", (int)result->index,
               result->status.end == MPROC_END_SIGNAL ? "killed by a signal" : result->detail);
}

static const struct mproc_entry entries[] = {{"square", square}, {NULL, NULL}};

int main(void)
{
    struct mproc_context *context;
    struct mproc_pool *pool;
    int deaths = 1, done = 0;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_pool_create(context, &(struct mproc_pool_options){.workers = 2}, &pool))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    if (mproc_pool_map(pool, "square", feed, &deaths, &(struct mproc_map_options){.count = 6}, print, &done,
                       MPROC_FOREVER) != -ECHILD ||
        done != 5)
        return fprintf(stderr, "%d tasks are done, not 5: %s\n", done, mproc_error_detail()), 1;
    if (mproc_pool_map(pool, "square", feed, &deaths, &(struct mproc_map_options){.count = 6, .retries = 1},
                       print, &done, MPROC_FOREVER))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_pool_close(pool);
    int r = mproc_pool_join(pool, mproc_deadline_ms(10000));
    mproc_pool_free(pool);
    if (r || mproc_context_close(context, mproc_deadline_ms(1000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
