/*
 * A service answers each request in a process of its own, so that none can harm
 * the next.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>

#define REQUESTS 40

static int answer(struct mproc_args *args)
{
    char text[32];
    struct mproc_queue *answers;
    int64_t request;
    int err = mproc_args_get_int(args, 0, &request);
    if (!err)
        err = mproc_args_get_queue(args, 1, &answers);
    if (err)
        return err;
    int length = snprintf(text, sizeof(text), "%d squared is %d", (int)request,
                          (int)(request * request));
    return mproc_queue_put(answers, text, (size_t)length + 1,
                           mproc_deadline_ms(1000));
}

/* A process that has ended is reaped at once, by the guard; its handle keeps
 * how it ended until that is asked. */
static int serve(struct mproc_context *context, struct mproc_queue *answers,
                 int request)
{
    char text[32];
    size_t length;
    struct mproc_args *args;
    struct mproc_status status;
    struct mproc_process *child = NULL;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add(args, request);
    mproc_args_add_queue(args, answers);
    err = mproc_process_start(context, "answer", args, NULL, &child);
    if (!err)
        err = mproc_process_join(child, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (!err)
        err = mproc_queue_get_into(answers, MPROC_NOW, sizeof(text), text,
                                   &length);
    if (!err)
        puts(text);
    mproc_process_free(child);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"answer", answer},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *answers = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &answers);
    for (int request = 1; request <= REQUESTS && !err; request++)
        err = serve(context, answers, request);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d requests served\n", REQUESTS);
    mproc_queue_unref(answers);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
