/*
 * A service keeps files open for its clients, as many as there are. Its
 * operator raises the limit of open files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/limits.h>
#include <mproc/process.h>
#include <mproc/queue.h>

static int serve(struct mproc_args *args)
{
    struct mproc_queue *orders;
    int clients, served = 0, err = mproc_args_get_queue(args, 0, &orders);
    size_t len;
    while (!err &&
           !(err = mproc_queue_get_into(orders, MPROC_FOREVER, sizeof(clients),
                                        &clients, &len)))
        for (; served < clients; served++)
            if (open("/dev/null", O_RDONLY) == -1)
                return -errno;
    printf("%d clients served\n", served);
    return err == -EPIPE ? 0 : err;
}

/* The limit of the process that runs: in place, without a restart. */
static int raise_limit(struct mproc_process *service, uint64_t need)
{
    struct mproc_limit limit;
    pid_t pid = mproc_process_pid(service);
    int err = mproc_limits_raise(pid, RLIMIT_NOFILE, need);
    if (!err)
        err = mproc_limits_get(pid, RLIMIT_NOFILE, &limit);
    if (!err)
        fprintf(stderr, "the service may open %llu files\n",
                (unsigned long long)limit.soft);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"serve", serve},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *service = NULL;
    struct mproc_status status;
    struct mproc_queue *orders = NULL;
    struct mproc_args *args = NULL;
    int clients = 40,
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &orders);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_queue(args, orders);
    if (!err)
        err = mproc_process_start(context, "serve", args, NULL, &service);
    if (!err)
        err = raise_limit(service, 128);
    if (!err)
        err = mproc_queue_put(orders, &clients, sizeof(clients),
                              mproc_deadline_ms(1000));
    if (!err)
        err = mproc_queue_close(orders, mproc_deadline_ms(1000));
    if (!err)
        err = mproc_process_join(service, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(service);
    mproc_args_free(args);
    mproc_queue_unref(orders);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
