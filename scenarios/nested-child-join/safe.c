/*
 * A build step is run and its output is shown. The step starts a compile
 * server, which later steps will use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>

static int say(struct mproc_queue *output, const char *text)
{
    return mproc_queue_put(output, text, strlen(text), mproc_deadline_ms(1000));
}

/* Ends when the queue is closed, or when this process is asked to. */
static int serve(struct mproc_args *args)
{
    struct mproc_queue *requests;
    int err = mproc_args_get_queue(args, 0, &requests);
    char request;
    size_t len;
    while (!err &&
           !(err = mproc_queue_get_into(requests, MPROC_FOREVER,
                                        sizeof(request), &request, &len)))
        fprintf(stderr, "compiling %c\n", request);
    return err == -EPIPE || err == -ECANCELED ? 0 : err;
}

/* Whoever starts a process joins it: the server ends before the step does. */
static int run_step(struct mproc_args *args)
{
    static const struct mproc_entry entries[] = {{"serve", serve},
                                                 {NULL, NULL}};
    struct mproc_queue *output, *requests;
    struct mproc_context *context = NULL;
    struct mproc_process *server;
    struct mproc_args *with;
    int err = mproc_args_get_queue(args, 0, &output);
    if (!err)
        err = mproc_queue_create(NULL, &requests);
    if (!err)
        err = mproc_args_new(&with);
    if (!err)
        err = mproc_args_add_queue(with, requests);
    if (!err)
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_process_start(context, "serve", with, NULL, &server);
    if (!err)
        err = say(output, "compile server started\n");
    if (!err)
        err = mproc_process_stop(server, NULL, NULL);
    if (!err)
        err = say(output, "step done\n");
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"run_step", run_step},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *step = NULL;
    struct mproc_queue *output = NULL;
    struct mproc_args *args = NULL;
    struct mproc_status status;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &output);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_queue(args, output);
    if (!err)
        err = mproc_process_start(context, "run_step", args, NULL, &step);
    /* The step's end ends the wait, whatever else may still have the queue
     * open. */
    if (!err)
        err = mproc_process_join(step, mproc_deadline_ms(5000), &status);
    char text[256];
    for (size_t len;
         !err && mproc_queue_get_into(output, MPROC_NOW, sizeof(text), text,
                                      &len) == 0;)
        fwrite(text, 1, len, stdout);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("step ended well\n");
    mproc_process_free(step);
    mproc_args_free(args);
    mproc_queue_unref(output);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
