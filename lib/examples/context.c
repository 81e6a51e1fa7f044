/*
 * The three ways to start a process, and what each of them has of its parent's memory.
 *
 * The guard forks from what the program was when it opened its context; fork copies it as it is now; spawn
 * runs the program anew. In each an entry is called by its name, with arguments.
 */
#include <stdio.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

static int number = 1;

static int look(struct mproc_args *args)
{
    (void)args;
    return number;
}

static const struct mproc_entry entries[] = {{"look", look}, {NULL, NULL}};

int main(void)
{
    static const char *const names[] = {"forkserver", "fork", "spawn"};
    static const int expected[] = {2, 3, 2};
    struct mproc_context *context;

    number = 2;
    /* In a spawned process this runs the entry, and never returns. */
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    number = 3;
    for (enum mproc_start_method method = MPROC_START_FORKSERVER; method < MPROC_START__COUNT; method++) {
        const struct mproc_process_options options = {.method = method};
        struct mproc_process *process;
        struct mproc_status status;
        char text[96];
        if (mproc_process_start(context, "look", NULL, &options, &process) ||
            mproc_process_join(process, mproc_deadline_ms(5000), &status))
            return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
        mproc_status_describe(&status, text, sizeof(text));
        if (status.result != expected[method])
            return fprintf(stderr, "by %s it is not %d: %s\n", names[method], expected[method], text), 1;
        printf("by %s it is %d\n", names[method], status.result);
        mproc_process_free(process);
    }
    if (mproc_context_close(context, mproc_deadline_ms(1000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) || ferror(stdout) ? (perror("standard output"), 1) : 0;
}
