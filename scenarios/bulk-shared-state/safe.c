/*
 * Looks up prices in a table. A worker does it: table and answers lie in memory that both have.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/shm.h>

#define ROWS      1000000
#define QUESTIONS 100

static int take(struct mproc_args *args, uint32_t **ret_prices, struct mproc_queue **ret_rows,
                struct mproc_queue **ret_answers)
{
    struct mproc_shm *table;
    int err = mproc_args_get_shm(args, 0, &table);
    if (!err)
        err = mproc_shm_get(table, ret_prices, NULL);
    if (!err)
        err = mproc_args_get_queue(args, 1, ret_rows);
    return err ? err : mproc_args_get_queue(args, 2, ret_answers);
}

static int work(struct mproc_args *args)
{
    struct mproc_queue *rows, *answers;
    uint32_t *prices, row;
    size_t len;
    int err = take(args, &prices, &rows, &answers);
    for (int i = 0; i < QUESTIONS && !err; i++) {
        err = mproc_queue_get_into(rows, mproc_deadline_ms(5000), sizeof(row), &row, &len);
        if (!err)
            err = mproc_queue_put(answers, &prices[row], sizeof(prices[row]), mproc_deadline_ms(5000));
    }
    return err;
}

static int ask(struct mproc_queue *rows, struct mproc_queue *answers, uint64_t *ret_sum)
{
    uint64_t sum = 0;
    int err = 0;
    for (uint32_t i = 0; i < QUESTIONS && !err; i++) {
        uint32_t row = (i * 7919) % ROWS, price = 0;
        size_t len;
        err = mproc_queue_put(rows, &row, sizeof(row), mproc_deadline_ms(5000));
        if (!err)
            err = mproc_queue_get_into(answers, mproc_deadline_ms(5000), sizeof(price), &price, &len);
        sum += price;
    }
    *ret_sum = sum;
    return err;
}

static int run(struct mproc_context *context, struct mproc_shm *table, struct mproc_queue *rows,
               struct mproc_queue *answers, uint64_t *ret_sum)
{
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_shm(args, table);
    mproc_args_add_queue(args, rows);
    mproc_args_add_queue(args, answers);
    err = mproc_process_start(context, "work", args, NULL, &worker);
    if (!err)
        err = ask(rows, answers, ret_sum);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    mproc_process_free(worker);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    static const struct mproc_shm_options options = {.type = MPROC_SHM_UINT32, .count = ROWS};
    struct mproc_context *context = NULL;
    struct mproc_shm *table = NULL;
    struct mproc_queue *rows = NULL, *answers = NULL;
    uint32_t *prices;
    uint64_t sum = 0;
    int err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shm_create(&options, &table);
    if (!err)
        err = mproc_shm_get(table, &prices, NULL);
    for (uint32_t row = 0; row < ROWS && !err; row++)
        prices[row] = row % 100;
    if (!err)
        err = mproc_queue_create(NULL, &rows);
    if (!err)
        err = mproc_queue_create(NULL, &answers);
    if (!err)
        err = run(context, table, rows, answers, &sum);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%lu altogether\n", (unsigned long)sum);
    mproc_queue_unref(answers);
    mproc_queue_unref(rows);
    mproc_shm_unref(table);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
