/*
 * A program has a worker that reads from a device. On Ctrl-C it asks the worker
 * to stop, and waits for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shutdown.h>
#include <pitfall/point.h>

/* Somebody else's code, which has never heard of stop tokens and lets nothing
 * interrupt it. */
static int read_device(struct mproc_args *args)
{
    int device, err = mproc_args_get_fd(args, 0, &device);
    char word[8];
    ssize_t got;
    if (err)
        return err;
    PITFALL_POINT("working");
    while ((got = read(device, word, sizeof(word))) > 0 ||
           (got == -1 && errno == EINTR))
        if (got > 0)
            printf("%.8s\n", word);
    return 0;
}

/* Until the worker ends. Warm after the first signal, cold after the second,
 * and not for ever in either case.
 */
static int watch(struct mproc_process *worker)
{
    struct mproc_status status;
    char how[96];
    int err = mproc_process_join(worker, MPROC_FOREVER, &status);
    if (err == -ECANCELED) {
        fprintf(stderr, "stopping: waiting for the worker\n");
        PITFALL_POINT("stopping");
        err = mproc_process_stop(worker, NULL, &status);
    }
    if (!err)
        printf("worker: %s\n",
               mproc_status_describe(&status, how, sizeof(how)));
    return err ? err : mproc_status_check(&status);
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"read_device", read_device},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *worker = NULL;
    struct mproc_args *args = NULL;
    int device[2] = {-1, -1};
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shutdown_install(NULL, 0);
    if (!err)
        err = pipe(device) == -1 ? -errno : mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_fd(args, device[0]);
    if (!err)
        err = mproc_process_start(context, "read_device", args, NULL, &worker);
    if (!err)
        err = watch(worker);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_context_close(context, mproc_deadline_ms(1000));
    mproc_process_free(worker);
    mproc_args_free(args);
    close(device[0]);
    close(device[1]);
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
