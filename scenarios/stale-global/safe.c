/*
 * A program reads its configuration, and starts a process for the work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <pitfall/point.h>

static const int measured[] = {80, 120, 180, 260, 300};

/* What a worker has to know arrives as arguments, however it was started, and
 * is nowhere else. */
static int work(struct mproc_args *args)
{
    int64_t threshold;
    int alarms = 0, err = mproc_args_get_int(args, 0, &threshold);
    if (err)
        return err;
    PITFALL_LEDGER("read:threshold", threshold);
    for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
        alarms += measured[i] > threshold;
    printf("%d alarms\n", alarms);
    return 0;
}

static int run(struct mproc_context *context, int threshold)
{
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add(args, threshold);
    err = mproc_process_start(context, "work", args, NULL, &worker);
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
    struct mproc_context *context = NULL;
    int threshold = 250;
    PITFALL_LEDGER("set:threshold", threshold);
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = run(context, threshold);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
