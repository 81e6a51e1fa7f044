/*
 * Workers of a pool are told with each task where the answer is to go.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pool.h>
#include <mproc/queue.h>

#define WORKERS 2
#define TASKS   10

static int square(struct mproc_args *args)
{
    struct mproc_queue *answers;
    int64_t number;
    int err = mproc_args_get_int(args, 0, &number);
    if (!err)
        err = mproc_args_get_queue(args, 1, &answers);
    if (err)
        return err;
    long squared = (long)(number * number);
    err = mproc_queue_put(answers, &squared, sizeof(squared),
                          mproc_deadline_ms(1000));
    mproc_queue_unref(answers);
    return err;
}

/* The queue is younger than the workers. It travels with the task as what it
 * is, and not as a number. */
static int submit(struct mproc_pool *pool, struct mproc_queue *answers,
                  int number)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add(args, number);
    mproc_args_add_queue(args, answers);
    err = mproc_pool_submit(pool, "square", args, NULL, mproc_deadline_ms(1000),
                            NULL);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"square", square},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_pool *pool = NULL;
    struct mproc_queue *answers = NULL;
    long sum = 0, squared;
    size_t len;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_pool_create(
            context, &(struct mproc_pool_options){.workers = WORKERS}, &pool);
    if (!err)
        err = mproc_queue_create(NULL, &answers);
    for (int i = 1; i <= TASKS && !err; i++)
        err = submit(pool, answers, i);
    if (!err)
        err = mproc_pool_close(pool);
    if (!err)
        err = mproc_pool_join(pool, mproc_deadline_ms(5000));
    for (int i = 0; i < TASKS && !err; i++, sum += squared)
        err = mproc_queue_get_into(answers, mproc_deadline_ms(1000),
                                   sizeof(squared), &squared, &len);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("sum %ld\n", sum);
    mproc_queue_unref(answers);
    mproc_pool_free(pool);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
