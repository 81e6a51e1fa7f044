/*
 * Two workers add up the numbers that they get through a pipe each, until its
 * end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/process.h>

#define WORKERS 2

struct worker {
    struct mproc_process *process;
    struct mproc_pipe *numbers; /* write end of its pipe */
};

static int add_up(struct mproc_args *args)
{
    struct mproc_pipe *numbers;
    int number, err = mproc_args_get_pipe(args, 0, &numbers);
    long sum = 0;
    size_t len;
    while (!err &&
           !(err = mproc_pipe_receive_into(numbers, MPROC_FOREVER,
                                           sizeof(number), &number, &len)))
        sum += number;
    if (err != -EPIPE)
        return err;
    printf("sum %ld\n", sum);
    return 0;
}

/* A worker has the descriptors in its arguments and no others, whatever is open
 * here. */
static int start(struct mproc_context *context, struct worker *worker)
{
    struct mproc_pipe *numbers = NULL;
    struct mproc_args *args = NULL;
    int err = mproc_pipe_create(&(struct mproc_pipe_options){.one_way = true},
                                &numbers, &worker->numbers);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_pipe(args, numbers);
    if (!err)
        err = mproc_process_start(context, "add_up", args, NULL,
                                  &worker->process);
    mproc_args_free(args);
    mproc_pipe_unref(numbers);
    return err;
}

/* That was all: the worker sees the end, and ends. */
static int finish(struct worker *worker)
{
    struct mproc_status status;
    mproc_pipe_unref(worker->numbers);
    worker->numbers = NULL;
    int err = mproc_process_join(worker->process, mproc_deadline_ms(5000),
                                 &status);
    return err ? err : mproc_status_check(&status);
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"add_up", add_up},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct worker workers[WORKERS] = {{NULL, NULL}};
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    for (int i = 0; i < WORKERS && !err; i++)
        err = start(context, &workers[i]);
    for (int number = 1; number <= 100 && !err; number++)
        err = mproc_pipe_send(workers[number % WORKERS].numbers, &number,
                              sizeof(number), mproc_deadline_ms(1000));
    for (int i = 0; i < WORKERS && !err; i++)
        err = finish(&workers[i]);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    for (int i = 0; i < WORKERS; i++) {
        mproc_pipe_unref(workers[i].numbers);
        mproc_process_free(workers[i].process);
    }
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
