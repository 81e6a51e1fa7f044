/*
 * A program logs through a queue to a thread that writes the log. main() ends
 * it all, in the order that is needed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>
#include <mproc/queue.h>
#include <mproc/thread.h>

#define LENGTH 64

static int log_line(struct mproc_queue *messages, const char *text)
{
    return mproc_queue_put(messages, text, strlen(text),
                           mproc_deadline_ms(1000));
}

static int listen_for_lines(void *messages)
{
    char text[LENGTH];
    size_t len;
    int err;
    while (!(err = mproc_queue_get_into(messages, MPROC_FOREVER, sizeof(text),
                                        text, &len)))
        printf("%.*s\n", (int)len, text);
    return err == -EPIPE ? 0 : err;
}

/* First no more messages, then nobody who reads them, then no queue. */
static int stop(struct mproc_queue *messages, struct mproc_thread *listener)
{
    struct mproc_thread_result result;
    int err = mproc_queue_close(messages, mproc_deadline_ms(1000));
    if (!err)
        err = mproc_thread_join(listener, mproc_deadline_ms(1000), &result);
    mproc_thread_free(listener);
    return err ? err : result.result;
}

int main(void)
{
    struct mproc_queue *messages = NULL;
    struct mproc_thread *listener;
    int err = mproc_queue_create(NULL, &messages);
    if (!err)
        err = mproc_thread_start("listener", listen_for_lines, messages, NULL,
                                 &listener);
    if (!err) {
        err = log_line(messages, "begin");
        if (!err)
            err = log_line(messages, "end");
        int stopped = stop(messages, listener);
        err = err ? err : stopped;
    }
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_queue_unref(messages);
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
