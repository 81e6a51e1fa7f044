/*
 * A server logs from two threads, with a mutex around the log, and starts a
 * worker process meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/thread.h>
#include <pitfall/point.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void log_line(const char *who, int line)
{
    pthread_mutex_lock(&log_lock);
    PITFALL_POINT("lock-held");
    printf("%s: line %d\n", who, line);
    pthread_mutex_unlock(&log_lock);
}

static int serve(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 100; i++)
        log_line("server", i);
    return 0;
}

static int work(struct mproc_args *args)
{
    (void)args;
    PITFALL_POINT("worker-begins");
    log_line("worker", 1);
    return 0;
}

/* A fork of this process is refused while it has threads; the guard has none,
 * and forks in its place. */
static int start_worker(struct mproc_context *context,
                        struct mproc_process **ret_worker)
{
    struct mproc_process_options by_fork = {.method = MPROC_START_FORK};
    int err = mproc_process_start(context, "work", NULL, &by_fork, ret_worker);
    if (err != -EDEADLK)
        return err;
    fprintf(stderr, "not by fork: %s\n", mproc_error_detail());
    return mproc_process_start(context, "work", NULL, NULL, ret_worker);
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_thread *server = NULL;
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_thread_start("server", serve, NULL, NULL, &server);
    PITFALL_POINT("before-start");
    if (!err)
        err = start_worker(context, &worker);
    if (!err)
        err = mproc_thread_join(server, mproc_deadline_ms(5000), NULL);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("worker ended with status %d\n", status.code);
    mproc_process_free(worker);
    mproc_thread_free(server);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
