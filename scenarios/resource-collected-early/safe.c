/*
 * Numbers are handed to a worker, a process of its own, in shared memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shm.h>
#include <pitfall/point.h>

#define COUNT 1000

static int work(struct mproc_args *args)
{
    struct mproc_shm *shm;
    int64_t *numbers, sum = 0;
    size_t count;
    PITFALL_POINT("worker-starts");
    int err = mproc_args_get_shm(args, 0, &shm);
    if (!err)
        err = mproc_shm_get(shm, &numbers, &count);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        sum += numbers[i];
    printf("sum %ld\n", (long)sum);
    mproc_shm_unref(shm);
    return 0;
}

static int start_worker(struct mproc_context *context,
                        struct mproc_process **ret_worker)
{
    struct mproc_shm *shm = NULL;
    struct mproc_args *args = NULL;
    int64_t *numbers;
    size_t count;
    int err = mproc_shm_create(
        &(struct mproc_shm_options){.type = MPROC_SHM_INT64, .count = COUNT},
        &shm);
    if (!err)
        err = mproc_shm_get(shm, &numbers, &count);
    for (size_t i = 0; !err && i < count; i++)
        numbers[i] = (int64_t)i;
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_shm(args, shm);
    if (!err)
        err = mproc_process_start(context, "work", args, NULL, ret_worker);
    mproc_args_free(args);
    mproc_shm_unref(shm); /* the worker has been given it, and keeps it: there
                             is no name that could be missing */
    PITFALL_POINT("released");
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = start_worker(context, &worker);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(worker);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
