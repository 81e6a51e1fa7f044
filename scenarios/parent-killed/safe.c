/*
 * Workers take pictures out of a queue and shrink them; each has a helper of
 * its own that packs what it made.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

#define WORKERS  2
#define PICTURES 10

/* Ends with who started it, however that ends. */
static const struct mproc_process_options background = {.background = true};

/* Until the queue is closed, or this process is asked to stop. */
static int pass_on(struct mproc_queue *from, struct mproc_queue *to)
{
    int picture, err = 0;
    size_t len;
    while (!err) {
        err = mproc_queue_get_into(from, MPROC_FOREVER, sizeof(picture),
                                   &picture, &len);
        if (!err)
            err = mproc_queue_put(to, &picture, sizeof(picture),
                                  mproc_deadline_ms(1000));
    }
    return err;
}

static int pack(struct mproc_args *args)
{
    struct mproc_queue *shrunk, *packed;
    int err = mproc_args_get_queue(args, 0, &shrunk);
    if (!err)
        err = mproc_args_get_queue(args, 1, &packed);
    return err ? err : pass_on(shrunk, packed);
}

static int work(struct mproc_args *args)
{
    static const struct mproc_entry entries[] = {{"pack", pack}, {NULL, NULL}};
    struct mproc_queue *pictures, *packed, *shrunk;
    struct mproc_context *context;
    struct mproc_process *packer;
    struct mproc_args *with;
    int err = mproc_args_get_queue(args, 0, &pictures);
    if (!err)
        err = mproc_args_get_queue(args, 1, &packed);
    if (!err)
        err = mproc_queue_create(NULL, &shrunk);
    if (!err)
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_args_new(&with);
    if (err)
        return err;
    mproc_args_add_queue(with, shrunk);
    mproc_args_add_queue(with, packed);
    err = mproc_process_start(context, "pack", with, &background, &packer);
    if (!err)
        err = pass_on(pictures, shrunk);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err;
}

static int run(struct mproc_context *context, struct mproc_queue *pictures,
               struct mproc_queue *packed)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_queue(args, pictures);
    mproc_args_add_queue(args, packed);
    for (int i = 0; i < WORKERS && !err; i++) {
        struct mproc_process *worker = NULL;
        err = mproc_process_start(context, "work", args, &background, &worker);
        mproc_process_free(worker);
    }
    for (int i = 0; i < PICTURES && !err; i++) {
        size_t len;
        PITFALL_POINT("working");
        err = mproc_queue_put(pictures, &i, sizeof(i), mproc_deadline_ms(1000));
        if (!err)
            err = mproc_queue_get_into(packed, mproc_deadline_ms(5000),
                                       sizeof(i), &(int){0}, &len);
    }
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *pictures = NULL, *packed = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &pictures);
    if (!err)
        err = mproc_queue_create(NULL, &packed);
    if (!err)
        err = run(context, pictures, packed);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d pictures\n", PICTURES);
    mproc_queue_unref(pictures);
    mproc_queue_unref(packed);
    /* Whether the program gets here or is killed before: nothing of it is left,
     * helpers included. */
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
