/*
 * A background program runs a hook and shows what it prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

/* A worker has /dev/null for its standard input, unless it is given something
 * else: never a hole. */
static int run_hook(struct mproc_args *args)
{
    const char *command;
    int err = mproc_args_get_string(args, 0, &command);
    if (err)
        return err;
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    return -errno;
}

static int start_hook(struct mproc_context *context, int output,
                      const char *command, struct mproc_process **ret_hook)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add(args, command);
    err = mproc_process_start(
        context, "run_hook", args,
        &(struct mproc_process_options){.stdio = {[STDOUT_FILENO] = output}},
        ret_hook);
    mproc_args_free(args);
    return err;
}

static int show(int output)
{
    char text[256];
    ssize_t got;
    while ((got = read(output, text, sizeof(text))) > 0)
        fwrite(text, 1, (size_t)got, stdout);
    return got == 0 ? 0 : -errno;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"run_hook", run_hook},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *hook = NULL;
    struct mproc_status status;
    int output[2] = {-1, -1};
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = pipe2(output, O_CLOEXEC) == -1 ? -errno : 0;
    if (!err)
        err = start_hook(context, output[1], "cat; echo hook is done", &hook);
    close(output[1]);
    if (!err)
        err = show(output[0]);
    close(output[0]);
    if (!err)
        err = mproc_process_join(hook, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(hook);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
