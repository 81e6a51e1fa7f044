/*
 * SIGTERM comes: the program and its worker hear of it once, finish what is at hand, and end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shutdown.h>

static int serve(struct mproc_args *args)
{
    (void)args;
    while (mproc_stop_sleep(mproc_deadline_ms(60000)) == 0)
        ;
    puts("the worker is asked to end, and does");
    return fflush(stdout) ? 1 : 0;
}

static const struct mproc_entry entries[] = {{"serve", serve}, {NULL, NULL}};

int main(void)
{
    struct mproc_context *context;
    struct mproc_process *process;
    struct mproc_status status;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_shutdown_install(NULL, 0) || mproc_process_start(context, "serve", NULL, NULL, &process))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    raise(SIGTERM);
    /* Whatever the program waits for, it goes on here. */
    int waited = mproc_process_join(process, MPROC_FOREVER, NULL);
    if ((waited && waited != -ECANCELED) || mproc_context_close(context, mproc_deadline_ms(10000)) ||
        mproc_process_join(process, MPROC_NOW, &status) || mproc_status_check(&status))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_process_free(process);
    printf("the program was stopped by SIG%s\n", sigabbrev_np(mproc_shutdown_signal()));
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
