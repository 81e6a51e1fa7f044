/*
 * A loader reads tables in a process of its own, and says with an event that
 * they are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/event.h>
#include <mproc/process.h>
#include <pitfall/point.h>

static int load(struct mproc_args *args)
{
    struct mproc_event *loaded;
    int err = mproc_args_get_event(args, 0, &loaded);
    if (err)
        return err;
    printf("tables loaded\n");
    PITFALL_POINT("before-set");
    err = mproc_event_set(loaded);
    mproc_event_unref(loaded);
    return err;
}

/* The loader has promised to set it: if it dies before, the wait ends with its
 * death. */
static int run(struct mproc_context *context, struct mproc_event *loaded,
               struct mproc_args *args)
{
    struct mproc_process *loader;
    struct mproc_status status;
    char how[96];
    int err = mproc_process_start(context, "load", args, NULL, &loader);
    if (err)
        return err;
    err = mproc_event_wait(loaded, MPROC_FOREVER);
    if (!err)
        printf("serving\n");
    int joined = mproc_process_join(loader, mproc_deadline_ms(1000), &status);
    if (err == -EOWNERDEAD && !joined)
        printf("not serving: loader %s\n",
               mproc_status_describe(&status, how, sizeof(how)));
    mproc_process_free(loader);
    return err ? err : joined ? joined : mproc_status_check(&status);
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"load", load}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_event *loaded = NULL;
    struct mproc_args *args = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_event_create(&loaded);
    if (!err)
        err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_event_promise(args, loaded);
    if (!err)
        err = run(context, loaded, args);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_args_free(args);
    mproc_event_unref(loaded);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
