/*
 * A nightly job runs with a helper beside it that says that all is well
 * whenever it gets SIGUSR1.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

static int serve(struct mproc_args *args)
{
    (void)args;
    sigset_t requests;
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1);
    sigaddset(&requests, SIGTERM);
    sigprocmask(SIG_BLOCK, &requests, NULL);
    for (int request; sigwait(&requests, &request) == 0 && request != SIGTERM;)
        dprintf(STDOUT_FILENO, "still at work\n");
    return 0;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"serve", serve},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *helper = NULL;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_process_start(
            context, "serve", NULL,
            &(struct mproc_process_options){.background = true}, &helper);
    if (!err) {
        long total = 0;
        for (long step = 0; step < 1000; step++)
            total += step * step;
        printf("night's work done: %ld\n", total);
        /* A background process ends with its owner: nobody waits for it, and it
         * is not left behind. */
        err = mproc_context_close(context, mproc_deadline_ms(1000));
    }
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(helper);
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
