/*
 * Two places for many workers; one of them dies in its place.
 *
 * The units of a bounded semaphore belong to who took them. Those of a dead worker come back by themselves,
 * and who takes one next is told, so that he can look at what was left half done.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/semaphore.h>

static int work(struct mproc_args *args)
{
    struct mproc_semaphore *places;
    bool is_unlucky;

    if (mproc_args_get_semaphore(args, 0, &places) || mproc_args_get_bool(args, 1, &is_unlucky))
        return 1;
    int r = mproc_semaphore_acquire(places, mproc_deadline_ms(10000));
    if (r && r != -EOWNERDEAD)
        return 1;
    if (is_unlucky)
        raise(SIGKILL);
    return mproc_semaphore_release(places) ? 1 : 0;
}

static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};

static int run_worker(struct mproc_context *context, struct mproc_semaphore *places, bool is_unlucky)
{
    struct mproc_process *process;
    struct mproc_status status;
    struct mproc_args *args;
    char text[96];

    if (mproc_args_new(&args) || mproc_args_add_semaphore(args, places) || mproc_args_add(args, is_unlucky) ||
        mproc_process_start(context, "work", args, NULL, &process))
        return -1;
    int r = mproc_process_join(process, mproc_deadline_ms(10000), &status);
    if (r == 0)
        puts(mproc_status_describe(&status, text, sizeof(text)));
    if (r == 0)
        r = mproc_status_check(&status);
    if (is_unlucky && r == -ECHILD && status.signal == SIGKILL && !status.guard_died)
        r = 0; /* as it was meant to */
    mproc_args_free(args);
    mproc_process_free(process);
    return r;
}

int main(void)
{
    struct mproc_context *context;
    struct mproc_semaphore *places;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_semaphore_create(&(struct mproc_semaphore_options){.units = 2, .bounded = true}, &places) ||
        run_worker(context, places, true) || run_worker(context, places, false))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    printf("%u places are free\n", mproc_semaphore_value(places));
    mproc_semaphore_unref(places);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
