/*
 * Two workers add up the numbers that they get through a pipe each, until its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

#define WORKERS 2

struct worker {
    struct mproc_process *process;
    int numbers; /* write end of its pipe */
};

static int add_up(struct mproc_args *args)
{
    int numbers, err = mproc_args_get_fd(args, 0, &numbers);
    long sum = 0;
    if (err)
        return err;
    for (int number; read(numbers, &number, sizeof(number)) == sizeof(number);)
        sum += number;
    printf("sum %ld\n", sum);
    return 0;
}

/* A worker has the descriptors in its arguments and no others, whatever is open here. */
static int start(struct mproc_context *context, struct worker *worker)
{
    struct mproc_args *args;
    int numbers[2], err = mproc_args_new(&args);
    if (err)
        return err;
    err = pipe2(numbers, O_CLOEXEC) == -1 ? -errno : 0;
    if (!err) {
        mproc_args_add_fd(args, numbers[0]);
        err = mproc_process_start(context, "add_up", args, NULL, &worker->process);
        close(numbers[0]);
        worker->numbers = numbers[1];
    }
    mproc_args_free(args);
    return err;
}

static int run(struct mproc_context *context, struct worker *workers)
{
    struct mproc_status status;
    int err = 0;
    for (int i = 0; i < WORKERS && !err; i++)
        err = start(context, &workers[i]);
    for (int number = 1; number <= 100 && !err; number++)
        if (write(workers[number % WORKERS].numbers, &number, sizeof(number)) != sizeof(number))
            err = -errno;
    for (int i = 0; i < WORKERS && !err; i++) {
        close(workers[i].numbers);
        workers[i].numbers = -1;
        err = mproc_process_join(workers[i].process, mproc_deadline_ms(5000), &status);
        if (!err)
            err = status.end == MPROC_END_SIGNAL ? -ECHILD : status.result;
    }
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"add_up", add_up}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct worker workers[WORKERS] = {{NULL, -1}, {NULL, -1}};
    int err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = run(context, workers);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    for (int i = 0; i < WORKERS; i++) {
        mproc_process_free(workers[i].process);
        if (workers[i].numbers != -1)
            close(workers[i].numbers);
    }
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
