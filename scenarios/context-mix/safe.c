/*
 * Workers count in shared memory. How they are started makes no difference: each is given the memory itself.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

static atomic_int *map_counter(int fd)
{
    void *memory = mmap(NULL, sizeof(atomic_int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int count(struct mproc_args *args)
{
    int fd, err = mproc_args_get_fd(args, 0, &fd);
    atomic_int *counter = err ? NULL : map_counter(fd);
    if (!counter)
        return err ? err : -errno;
    for (int i = 0; i < 100; i++)
        atomic_fetch_add(counter, 1);
    return 0;
}

static int run(struct mproc_context *context, int fd)
{
    static const enum mproc_start_method methods[] = {MPROC_START_FORK, MPROC_START_FORKSERVER};
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_fd(args, fd); /* there is no function that would add a pointer */
    for (int i = 0; i < 2 && !err; i++) {
        struct mproc_process *worker = NULL;
        struct mproc_status status;
        err = mproc_process_start(context, "count", args,
                                  &(struct mproc_process_options){.method = methods[i]}, &worker);
        if (!err)
            err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
        if (!err)
            err = status.result;
        mproc_process_free(worker);
    }
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"count", count}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    int fd = memfd_create("counter", MFD_CLOEXEC);
    atomic_int *counter = fd == -1 || ftruncate(fd, sizeof(*counter)) == -1 ? NULL : map_counter(fd);
    int err =
        counter ? mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) : -errno;
    if (!err)
        err = run(context, fd);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("counted to %d\n", atomic_load(counter));
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
