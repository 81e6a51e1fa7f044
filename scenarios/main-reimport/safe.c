/*
 * A program has an indexer beside it, with a memory of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

/* Where a process begins is a function that was registered, never main():
 * nothing here runs a second time. */
static int index_files(struct mproc_args *args)
{
    (void)args;
    printf("files indexed\n");
    return 0;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"index", index_files},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *indexer = NULL;
    struct mproc_status status;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_process_start(context, "index", NULL, NULL, &indexer);
    if (!err) {
        printf("serving\n");
        err = mproc_process_join(indexer, mproc_deadline_ms(5000), &status);
    }
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(indexer);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
