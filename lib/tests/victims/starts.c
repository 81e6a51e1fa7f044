/* Starts workers one after the other, or gives tasks that carry a descriptor to a pool of one ("pool"): each
 * prints its number. With "spawn" the workers run this program anew. What fails is told by the exit status.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pool.h>
#include <mproc/process.h>

enum { WORKERS = 3, WAIT_MS = 30000 };

static enum mproc_start_method method = MPROC_START_FORKSERVER;

static int say(struct mproc_args *args)
{
    int64_t number;
    int fd;
    int err = mproc_args_get_int(args, 0, &number);
    if (!err)
        err = mproc_args_get_fd(args, 1, &fd);
    return err ? err : dprintf(fd, "worker %d\n", (int)number) < 0;
}

static int start(struct mproc_context *context, const struct mproc_args *args)
{
    const struct mproc_process_options options = {.method = method};
    struct mproc_process *process;
    struct mproc_status status;
    int err = mproc_process_start(context, "say", args, &options, &process);
    if (err)
        return err;
    err = mproc_process_join(process, mproc_deadline_ms(WAIT_MS), &status);
    mproc_process_free(process);
    return err ? err : status.end != MPROC_END_EXIT || status.result;
}

static int run_one(struct mproc_context *context, struct mproc_pool *pool, int number)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_int(args, number);
    mproc_args_add_fd(args, STDOUT_FILENO);
    err = pool ? mproc_pool_apply(pool, "say", args, NULL, mproc_deadline_ms(WAIT_MS), NULL)
               : start(context, args);
    mproc_args_free(args);
    return err;
}

int main(int argc, char **argv)
{
    static const struct mproc_entry entries[] = {{"say", say}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_pool *pool = NULL;
    int err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (!err && argc > 1 && strcmp(argv[1], "pool") == 0)
        err = mproc_pool_create(context, &(struct mproc_pool_options){.workers = 1}, &pool);
    if (argc > 1 && strcmp(argv[1], "spawn") == 0)
        method = MPROC_START_SPAWN;
    for (int number = 1; number <= WORKERS && !err; number++)
        err = run_one(context, pool, number);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_pool_free(pool);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err != 0;
}
