/*
 * A program and its worker log through a queue to one listener, which writes
 * the log. Nobody has to stop it: it ends with the queue.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

static int send_record(struct mproc_queue *log, const char *text)
{
    return mproc_queue_put(log, text, strlen(text), mproc_deadline_ms(1000));
}

static int listen_to(struct mproc_args *args)
{
    struct mproc_queue *log;
    int err = mproc_args_get_queue(args, 0, &log);
    char text[60];
    size_t len;
    while (!err && !(err = mproc_queue_get_into(log, MPROC_FOREVER,
                                                sizeof(text), text, &len)))
        if (dprintf(STDOUT_FILENO, "%.*s\n", (int)len, text) < 0)
            return -errno;
    return err == -EPIPE ? 0 : err;
}

static int work(struct mproc_args *args)
{
    struct mproc_queue *log;
    int err = mproc_args_get_queue(args, 0, &log);
    if (!err)
        err = send_record(log, "worker: begins");
    if (!err)
        err = send_record(log, "worker: ends");
    PITFALL_POINT("before-sentinel");
    return err;
}

/* The worker's end, of whatever kind, is known here: then the queue is closed,
 * and the listener ends. */
static int run(struct mproc_context *context, struct mproc_queue *log,
               struct mproc_args *args)
{
    struct mproc_process *listener = NULL, *worker = NULL;
    struct mproc_status status;
    int err = mproc_process_start(context, "listen_to", args, NULL, &listener);
    if (!err)
        err = send_record(log, "program: begins");
    if (!err)
        err = mproc_process_start(context, "work", args, NULL, &worker);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err && (err = mproc_status_check(&status)))
        send_record(log, "program: the worker failed");
    int ended = mproc_queue_close(log, mproc_deadline_ms(1000));
    if (!ended && listener)
        ended = mproc_process_join(listener, mproc_deadline_ms(5000), &status);
    if (!ended && listener)
        ended = mproc_status_check(&status);
    mproc_process_free(listener);
    mproc_process_free(worker);
    return err ? err : ended;
}

int main(void)
{
    static const struct mproc_entry entries[] = {
        {"listen_to", listen_to}, {"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *log = NULL;
    struct mproc_args *args = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &log);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_queue(args, log);
    if (!err)
        err = run(context, log, args);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_args_free(args);
    mproc_queue_unref(log);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
