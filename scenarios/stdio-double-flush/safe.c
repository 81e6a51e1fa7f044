/*
 * A report of two parts: each is worked out by a process of its own, one after
 * the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

#define PARTS 2

static int print_part(struct mproc_args *args)
{
    int64_t part;
    int err = mproc_args_get_int(args, 0, &part);
    long sum = 0;
    if (err)
        return err;
    for (long number = part; number <= 1000; number += PARTS)
        sum += number;
    printf("part %d: %ld\n", (int)part, sum);
    return 0;
}

/* A worker begins with empty buffers, whatever this process has in its own, and
 * writes what is its own. */
static int run_part(struct mproc_context *context, int part)
{
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add(args, part);
    err = mproc_process_start(context, "print_part", args, NULL, &worker);
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
    static const struct mproc_entry entries[] = {{"print_part", print_part},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    printf("report of the night\n");
    if (!err &&
        fflush(stdout)) /* for the order of the lines, not for their number */
        err = -errno;
    for (int part = 1; part <= PARTS && !err; part++)
        err = run_part(context, part);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("end of report\n");
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
