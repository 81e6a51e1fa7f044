/*
 * Waits until a worker is ready, and learns at once of one that will never be.
 *
 * A worker that was given the event with a promise is its setter from the moment it has started. When it is
 * killed before, the wait ends with -EOWNERDEAD instead of its deadline.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/event.h>
#include <mproc/process.h>

static int serve(struct mproc_args *args)
{
    struct mproc_event *ready;
    bool is_unlucky;

    if (mproc_args_get_event(args, 0, &ready) || mproc_args_get_bool(args, 1, &is_unlucky))
        return 1;
    if (is_unlucky)
        raise(SIGKILL);
    return mproc_event_set(ready) ? 1 : 0;
}

static const struct mproc_entry entries[] = {{"serve", serve}, {NULL, NULL}};

static int start_and_wait(struct mproc_context *context, bool is_unlucky)
{
    struct mproc_process *process;
    struct mproc_status status;
    struct mproc_event *ready;
    struct mproc_args *args;

    if (mproc_event_create(&ready) || mproc_args_new(&args))
        return -1;
    mproc_args_add_event_promise(args, ready);
    mproc_args_add(args, is_unlucky);
    int r = mproc_process_start(context, "serve", args, NULL, &process);
    if (r == 0) {
        r = mproc_event_wait(ready, mproc_deadline_ms(10000));
        puts(r == 0 ? "the worker is ready" : mproc_error_detail());
        int joined = mproc_process_join(process, mproc_deadline_ms(10000), &status);
        if (r == 0)
            r = joined ? joined : mproc_status_check(&status);
        mproc_process_free(process);
    }
    mproc_args_free(args);
    mproc_event_unref(ready);
    return r;
}

int main(void)
{
    struct mproc_context *context;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    if (start_and_wait(context, false) || start_and_wait(context, true) != -EOWNERDEAD ||
        mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
