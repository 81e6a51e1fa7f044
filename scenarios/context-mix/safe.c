/*
 * Workers count in shared memory. How they are started makes no difference:
 * each is given the memory itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shm.h>

static int count(struct mproc_args *args)
{
    struct mproc_shm *shm;
    int64_t *counter;
    int err = mproc_args_get_shm(args, 0, &shm);
    if (!err)
        err = mproc_shm_get(shm, &counter, NULL);
    for (int i = 0; i < 100 && !err; i++)
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    return err;
}

/* What travels is the memory, and not where it lies: there is no function that
 * would add a pointer. */
static int run(struct mproc_context *context, struct mproc_shm *shm,
               enum mproc_start_method method)
{
    const struct mproc_process_options options = {.method = method};
    struct mproc_process *worker = NULL;
    struct mproc_args *args = NULL;
    struct mproc_status status;
    int err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_shm(args, shm);
    if (!err)
        err = mproc_process_start(context, "count", args, &options, &worker);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    mproc_process_free(worker);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"count", count},
                                                 {NULL, NULL}};
    static const struct mproc_shm_options one = {.type = MPROC_SHM_INT64,
                                                 .count = 1};
    struct mproc_context *context = NULL;
    struct mproc_shm *shm = NULL;
    int64_t *counter;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shm_create(&one, &shm);
    if (!err)
        err = mproc_shm_get(shm, &counter, NULL);
    if (!err)
        err = run(context, shm, MPROC_START_FORK);
    if (!err)
        err = run(context, shm, MPROC_START_SPAWN);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("counted to %ld\n", (long)*counter);
    mproc_shm_unref(shm);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
