/*
 * Workers that go step by step together, and learn at once that one of them is gone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/barrier.h>
#include <mproc/error.h>
#include <mproc/process.h>

enum { WORKERS = 3, UNLUCKY = 1, STEPS = 4, UNLUCKY_STEP = 2 };

/* Its status is how many steps all have made together. */
static int step(struct mproc_args *args)
{
    struct mproc_barrier *barrier;
    bool is_unlucky;
    int err = 0;

    if (mproc_args_get_barrier(args, 0, &barrier) || mproc_args_get_bool(args, 1, &is_unlucky))
        return -1;
    for (int made = 0; made < STEPS; made++) {
        if (is_unlucky && made == UNLUCKY_STEP)
            raise(SIGKILL);
        err = mproc_barrier_wait(barrier, mproc_deadline_ms(5000), NULL);
        if (err)
            return err == -EOWNERDEAD ? made : -1;
    }
    return STEPS;
}

static const struct mproc_entry entries[] = {{"step", step}, {NULL, NULL}};

int main(void)
{
    struct mproc_process *workers[WORKERS];
    struct mproc_context *context;
    struct mproc_barrier *barrier;
    struct mproc_status status;
    char text[96];

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_barrier_create(WORKERS, &barrier))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    for (int i = 0; i < WORKERS; i++) {
        struct mproc_args *args;
        bool is_unlucky = i == UNLUCKY;
        if (mproc_args_new(&args) || mproc_args_add_barrier(args, barrier) ||
            mproc_args_add(args, is_unlucky) || mproc_process_start(context, "step", args, NULL, &workers[i]))
            return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
        mproc_args_free(args);
    }
    for (int i = 0; i < WORKERS; i++) {
        if (mproc_process_join(workers[i], mproc_deadline_ms(10000), &status))
            return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
        puts(mproc_status_describe(&status, text, sizeof(text)));
        if (status.guard_died || (i == UNLUCKY ? status.signal != SIGKILL : status.code != UNLUCKY_STEP))
            return fprintf(stderr, "worker %d was meant to end in another way\n", i), 1;
        mproc_process_free(workers[i]);
    }
    mproc_barrier_unref(barrier);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
