/*
 * A mutex whose owner is killed: the next one gets it, is told, and mends what was left half done.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/mutex.h>
#include <mproc/process.h>

static int die_with_it(struct mproc_args *args)
{
    struct mproc_mutex *mutex;

    if (mproc_args_get_mutex(args, 0, &mutex) || mproc_mutex_lock(mutex, mproc_deadline_ms(1000)))
        return 1;
    raise(SIGKILL);
    return 0;
}

static const struct mproc_entry entries[] = {{"die_with_it", die_with_it}, {NULL, NULL}};

int main(void)
{
    struct mproc_context *context;
    struct mproc_process *process;
    struct mproc_mutex *mutex;
    struct mproc_args *args;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_mutex_create(&mutex) || mproc_args_new(&args) || mproc_args_add_mutex(args, mutex) ||
        mproc_process_start(context, "die_with_it", args, NULL, &process) ||
        mproc_process_join(process, mproc_deadline_ms(5000), NULL))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    int err = mproc_mutex_lock(mutex, mproc_deadline_ms(1000));
    if (err == 0)
        return fprintf(stderr, "the process has not died with the mutex\n"), 1;
    if (err == -EOWNERDEAD) {
        puts(mproc_error_detail());
        err = mproc_mutex_consistent(mutex);
    }
    if (err || mproc_mutex_unlock(mutex))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_process_free(process);
    mproc_args_free(args);
    mproc_mutex_unref(mutex);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
