/*
 * A worker computes a report and hands it to its parent through a queue.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>

#define ROWS 20000

static int write_report(struct mproc_args *args)
{
    struct mproc_queue *queue;
    int err = mproc_args_get_queue(args, 0, &queue);
    if (err)
        return err;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    for (int row = 0; out && row < ROWS; row++)
        fprintf(out, "row %d: %d\n", row, row * row);
    if (!out || fclose(out) != 0)
        err = -errno;
    else
        err = mproc_queue_put(queue, text, len, mproc_deadline_ms(5000));
    free(text);
    mproc_queue_unref(queue);
    return err;
}

static int run(struct mproc_context *context, struct mproc_queue *queue,
               int *ret_rows)
{
    struct mproc_args *args;
    struct mproc_process *worker;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    err = mproc_args_add_queue(args, queue);
    if (!err)
        err = mproc_process_start(context, "write_report", args, NULL, &worker);
    mproc_args_free(args);
    if (err)
        return err;

    /* Join first, then read: what a put has returned from is in the queue, and
     * nobody need take it out. */
    struct mproc_status status;
    err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    mproc_process_free(worker);
    if (!err)
        err = mproc_status_check(&status);
    void *report;
    size_t len;
    if (!err)
        err = mproc_queue_get(queue, MPROC_NOW, &report, &len);
    if (err)
        return err;
    int rows = 0;
    for (size_t i = 0; i < len; i++)
        rows += ((char *)report)[i] == '\n';
    free(report);
    *ret_rows = rows;
    return 0;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"write_report", write_report},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *queue = NULL;
    int rows,
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &queue);
    if (!err)
        err = run(context, queue, &rows);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d rows\n", rows);
    mproc_queue_unref(queue);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
