/*
 * Looks up prices in a table. A worker does it: the table lies in memory that
 * both have.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/process.h>
#include <mproc/shm.h>

#define ROWS      1000000
#define QUESTIONS 100

static int work(struct mproc_args *args)
{
    struct mproc_pipe *parent;
    struct mproc_shm *table;
    uint32_t *prices, row;
    size_t len;
    int err = mproc_args_get_shm(args, 0, &table);
    if (!err)
        err = mproc_shm_get(table, &prices, NULL);
    if (!err)
        err = mproc_args_get_pipe(args, 1, &parent);
    while (!err && !(err = mproc_pipe_receive_into(parent, MPROC_FOREVER,
                                                   sizeof(row), &row, &len)))
        err = mproc_pipe_send(parent, &prices[row], sizeof(prices[row]),
                              mproc_deadline_ms(1000));
    return err == -EPIPE ? 0 : err;
}

/* What is sent with a question is the number of a row. */
static int ask(struct mproc_pipe *worker, uint64_t *ret_sum)
{
    uint64_t sum = 0;
    int err = 0;
    for (uint32_t i = 0; i < QUESTIONS && !err; i++) {
        uint32_t row = (i * 7919) % ROWS, price = 0;
        size_t len;
        err = mproc_pipe_send(worker, &row, sizeof(row),
                              mproc_deadline_ms(1000));
        if (!err)
            err = mproc_pipe_receive_into(worker, mproc_deadline_ms(1000),
                                          sizeof(price), &price, &len);
        sum += price;
    }
    *ret_sum = sum;
    return err;
}

/* The worker has the table and the other end of the pipe: should it die, there
 * is no other end, and no wait. */
static int start(struct mproc_context *context, struct mproc_shm *table,
                 struct mproc_process **ret_process,
                 struct mproc_pipe **ret_worker)
{
    struct mproc_pipe *parent = NULL;
    struct mproc_args *args = NULL;
    int err = mproc_pipe_create(NULL, ret_worker, &parent);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_shm(args, table);
    if (!err)
        err = mproc_args_add_pipe(args, parent);
    if (!err)
        err = mproc_process_start(context, "work", args, NULL, ret_process);
    mproc_args_free(args);
    mproc_pipe_unref(parent);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    static const struct mproc_shm_options options = {.type = MPROC_SHM_UINT32,
                                                     .count = ROWS};
    struct mproc_context *context = NULL;
    struct mproc_shm *table = NULL;
    struct mproc_process *process = NULL;
    struct mproc_pipe *worker = NULL;
    struct mproc_status status;
    uint32_t *prices;
    uint64_t sum = 0;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shm_create(&options, &table);
    if (!err)
        err = mproc_shm_get(table, &prices, NULL);
    for (uint32_t row = 0; row < ROWS && !err; row++)
        prices[row] = row % 100;
    if (!err)
        err = start(context, table, &process, &worker);
    if (!err)
        err = ask(worker, &sum);
    mproc_pipe_unref(worker); /* no more questions: the worker ends */
    if (!err)
        err = mproc_process_join(process, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%lu altogether\n", (unsigned long)sum);
    mproc_process_free(process);
    mproc_shm_unref(table);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
