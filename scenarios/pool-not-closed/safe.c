/*
 * A pool of workers squares numbers.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pool.h>

#define WORKERS 3
#define TASKS   100

static int square(struct mproc_args *args)
{
    int64_t number;
    int err = mproc_args_get_int(args, 0, &number);
    return err ? err : mproc_args_add_int(mproc_task_result(), number * number);
}

static int feed(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    return mproc_args_add_int(args, (int64_t)index);
}

static void add(void *user, const struct mproc_result *result)
{
    int64_t *sum = user, squared;
    if (result->values && mproc_args_get_int(result->values, 0, &squared) == 0)
        *sum += squared;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"square", square},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_pool *pool = NULL;
    int64_t sum = 0;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_pool_create(
            context, &(struct mproc_pool_options){.workers = WORKERS}, &pool);
    if (!err)
        err = mproc_pool_map(pool, "square", feed, NULL,
                             &(struct mproc_map_options){.count = TASKS}, add,
                             &sum, mproc_deadline_ms(5000));
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("sum %ld\n", (long)sum);
    /* Nobody has closed the pool. To free it ends its workers, whatever they
     * do, with a limit; and had even that been forgotten, they would end with
     * their owner. */
    mproc_pool_free(pool);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
