/*
 * A queue whose messages outlive their readers: one is killed with a message in hand, and the next one has
 * it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>
#include <mproc/event.h>
#include <mproc/process.h>
#include <mproc/queue.h>

static int read_all(struct mproc_args *args)
{
    struct mproc_queue *queue;
    struct mproc_event *reads;
    bool is_unlucky;
    void *data;
    size_t len;
    int err;

    if (mproc_args_get_queue(args, 0, &queue) || mproc_args_get_bool(args, 1, &is_unlucky) ||
        mproc_args_get_event(args, 2, &reads))
        return 1;
    /* Each get says that the message before it is done. */
    while ((err = mproc_queue_get(queue, mproc_deadline_ms(10000), &data, &len)) == 0) {
        if (printf("the %s reader has %.*s\n", mproc_process_own_name(), (int)len, (char *)data) < 0)
            return 1;
        free(data);
        if (mproc_event_set(reads))
            return 1;
        if (is_unlucky)
            raise(SIGKILL);
    }
    mproc_event_unref(reads);
    mproc_queue_unref(queue);
    return err == -EPIPE ? 0 : 1; /* closed, and every message is done */
}

static const struct mproc_entry entries[] = {{"read_all", read_all}, {NULL, NULL}};

static int read_in_a_process(struct mproc_context *context, const struct mproc_queue *queue, const char *name,
                             bool is_unlucky)
{
    struct mproc_process *process;
    struct mproc_status status;
    struct mproc_event *reads;
    struct mproc_args *args;
    char text[96];

    if (mproc_event_create(&reads) || mproc_args_new(&args))
        return -1;
    mproc_args_add_queue(args, queue);
    mproc_args_add(args, is_unlucky);
    mproc_args_add_event_promise(args, reads);
    int r = mproc_process_start(context, "read_all", args, &(struct mproc_process_options){.name = name},
                                &process);
    mproc_args_free(args);
    if (r)
        return r;
    r = mproc_process_join(process, mproc_deadline_ms(20000), &status);
    if (r == 0)
        printf("the %s reader has ended: %s\n", name, mproc_status_describe(&status, text, sizeof(text)));
    if (r == 0)
        r = mproc_status_check(&status);
    if (is_unlucky && r == -ECHILD && status.signal == SIGKILL && !status.guard_died)
        r = mproc_event_wait(reads, MPROC_NOW); /* as it was meant to, if not too early */
    mproc_process_free(process);
    mproc_event_unref(reads);
    return r;
}

int main(void)
{
    static const char *const messages[] = {"one", "two", "three"};
    const struct mproc_queue_options options = {.reader_death = MPROC_READER_DEATH_REDELIVERS};
    struct mproc_context *context;
    struct mproc_queue *queue;
    int r = 0;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* so that what all of them say stays in order */
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_queue_create(&options, &queue))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    for (int i = 0; i < 3 && r == 0; i++)
        r = mproc_queue_put(queue, messages[i], strlen(messages[i]), mproc_deadline_ms(10000));
    if (r == 0)
        r = mproc_queue_close(queue, mproc_deadline_ms(10000)); /* no more of them */
    if (r == 0)
        r = read_in_a_process(context, queue, "first", true);
    if (r == 0)
        r = read_in_a_process(context, queue, "second", false);
    if (r)
        fprintf(stderr, "%s\n", mproc_error_detail());
    mproc_queue_unref(queue);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    if (ferror(stdout))
        fprintf(stderr, "not all could be written to standard output\n");
    return r || ferror(stdout) ? 1 : 0;
}
