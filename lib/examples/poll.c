/*
 * A queue in a loop of poll(2), beside what else a program waits for: here the end of who puts into it. It is
 * killed after two of three messages, and these are there all the same.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>

static int produce(struct mproc_args *args)
{
    static const char *const messages[] = {"one", "two", "three"};
    struct mproc_queue *queue;

    if (mproc_args_get_queue(args, 0, &queue))
        return 1;
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            raise(SIGKILL);
        if (mproc_queue_put(queue, messages[i], strlen(messages[i]), mproc_deadline_ms(10000)))
            return 1;
    }
    mproc_queue_unref(queue);
    return 0;
}

static const struct mproc_entry entries[] = {{"produce", produce}, {NULL, NULL}};

/* Takes all there is: only who has found the queue empty makes the descriptor wait again. */
static int take_all(struct mproc_queue *queue)
{
    void *data;
    size_t len;
    int err;

    while ((err = mproc_queue_get(queue, MPROC_NOW, &data, &len)) == 0) {
        printf("got %.*s\n", (int)len, (char *)data);
        free(data);
    }
    return err == -EAGAIN ? 0 : err;
}

static int loop(struct mproc_queue *queue, struct mproc_process *process)
{
    struct pollfd items[] = {{.fd = mproc_queue_fd(queue), .events = POLLIN},
                             {.fd = mproc_process_sentinel(process), .events = POLLIN}};
    int r = 0;

    while (r == 0 && !items[1].revents) {
        if (poll(items, 2, 10000) <= 0)
            return fprintf(stderr, "nothing happens\n"), -ETIMEDOUT;
        r = take_all(queue);
    }
    return r;
}

int main(void)
{
    struct mproc_context *context;
    struct mproc_process *process;
    struct mproc_status status;
    struct mproc_queue *queue;
    struct mproc_args *args;
    char text[96];

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_queue_create(&(struct mproc_queue_options){.pollable = true}, &queue) ||
        mproc_args_new(&args) || mproc_args_add_queue(args, queue) ||
        mproc_process_start(context, "produce", args, NULL, &process))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_args_free(args);
    int r = loop(queue, process);
    if (r == 0)
        r = mproc_process_join(process, mproc_deadline_ms(5000), &status);
    if (r == 0)
        printf("who put has ended: %s\n", mproc_status_describe(&status, text, sizeof(text)));
    mproc_process_free(process);
    mproc_queue_unref(queue);
    if (r || mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) == 0 ? 0 : 1;
}
