/*
 * Two threads ask a server process for squares, over the pool that the program
 * has it in.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pool.h>
#include <mproc/thread.h>
#include <pitfall/point.h>

static struct mproc_pool *server;

static int serve(struct mproc_args *args)
{
    struct mproc_args *answer = mproc_task_result();
    int64_t number;
    int err = mproc_args_get_int(args, 0, &number);
    if (!err)
        err = mproc_args_add_int(answer, number);
    return err ? err : mproc_args_add_int(answer, number * number);
}

/* Each question has a future of its own, and its answer goes nowhere else. */
static int ask(const struct mproc_args *question, int64_t *ret_answered,
               int64_t *ret_square)
{
    struct mproc_future *answer = NULL;
    struct mproc_result result;
    int err = mproc_pool_submit(server, "serve", question, NULL,
                                mproc_deadline_ms(1000), &answer);
    PITFALL_POINT("asked");
    if (!err)
        err = mproc_future_wait(answer, mproc_deadline_ms(5000), &result);
    if (!err)
        err = result.error;
    if (!err)
        err = mproc_args_get_int(result.values, 0, ret_answered);
    if (!err)
        err = mproc_args_get_int(result.values, 1, ret_square);
    mproc_future_free(answer);
    return err;
}

static int work(void *arg)
{
    struct mproc_args *question = NULL;
    int64_t *number = arg, answered = 0, square = 0;
    PITFALL_POINT("begin");
    PITFALL_LEDGER("asked", *number);
    int err = mproc_args_new(&question);
    if (!err)
        err = mproc_args_add_int(question, *number);
    if (!err)
        err = ask(question, &answered, &square);
    if (!err)
        PITFALL_LEDGER("answered", answered);
    PITFALL_POINT("answered");
    if (!err)
        printf("%ld squared is %ld\n", (long)*number, (long)square);
    mproc_args_free(question);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"serve", serve},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_thread *threads[2] = {NULL, NULL};
    int64_t numbers[2] = {3, 7};
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_pool_create(
            context, &(struct mproc_pool_options){.workers = 1}, &server);
    for (int i = 0; i < 2 && !err; i++)
        err = mproc_thread_start("client", work, &numbers[i], NULL,
                                 &threads[i]);
    for (int i = 0; i < 2 && threads[i]; i++) {
        struct mproc_thread_result result;
        int ended = mproc_thread_join(threads[i], mproc_deadline_ms(6000),
                                      &result);
        err = err ? err : ended ? ended : result.result;
        mproc_thread_free(threads[i]);
    }
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_pool_free(server);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
