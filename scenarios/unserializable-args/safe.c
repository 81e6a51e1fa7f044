/*
 * A worker waits for pictures and says how bright they are; its parent loads
 * them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>

#define PIXELS (1 << 20)

/* What arrives is the picture. */
static int work(struct mproc_args *args)
{
    struct mproc_queue *pictures;
    int err = mproc_args_get_queue(args, 0, &pictures);
    void *pixels;
    size_t count;
    while (!err &&
           !(err = mproc_queue_get(pictures, MPROC_FOREVER, &pixels, &count))) {
        size_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += ((unsigned char *)pixels)[i];
        printf("brightness %zu\n", sum / count);
        free(pixels);
    }
    return err == -EPIPE ? 0 : err;
}

static int send_picture(struct mproc_queue *pictures)
{
    unsigned char *pixels = malloc(PIXELS);
    if (!pixels)
        return -ENOMEM;
    memset(pixels, 128, PIXELS);
    int err = mproc_queue_put(pictures, pixels, PIXELS,
                              mproc_deadline_ms(1000));
    free(pixels);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *pictures = NULL;
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    struct mproc_args *args = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &pictures);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_queue(args, pictures);
    if (!err)
        err = mproc_process_start(context, "work", args, NULL, &worker);
    if (!err)
        err = send_picture(pictures);
    if (!err)
        err = mproc_queue_close(pictures, mproc_deadline_ms(1000));
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(worker);
    mproc_args_free(args);
    mproc_queue_unref(pictures);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
