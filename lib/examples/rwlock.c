/*
 * A pair of numbers that many read and one writes; the writer dies in the middle, and a reader mends.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/rwlock.h>
#include <mproc/shm.h>

static int write_half(struct mproc_args *args)
{
    struct mproc_rwlock *rwlock;
    struct mproc_shm *shm;
    int64_t *pair;

    if (mproc_args_get_rwlock(args, 0, &rwlock) || mproc_args_get_shm(args, 1, &shm) ||
        mproc_shm_get(shm, &pair, NULL) || mproc_rwlock_write(rwlock, mproc_deadline_ms(1000)))
        return 1;
    pair[0] = 7;
    raise(SIGKILL);
    pair[1] = 7;
    return mproc_rwlock_unlock(rwlock) ? 1 : 0;
}

static const struct mproc_entry entries[] = {{"write_half", write_half}, {NULL, NULL}};

static int mend(void *user)
{
    int64_t *pair = user;

    printf("mending %" PRId64 " and %" PRId64 "\n", pair[0], pair[1]);
    pair[1] = pair[0];
    return 0;
}

int main(void)
{
    const struct mproc_shm_options options = {.type = MPROC_SHM_INT64, .count = 2};
    struct mproc_context *context;
    struct mproc_process *process;
    struct mproc_rwlock *rwlock;
    struct mproc_args *args;
    struct mproc_shm *shm;
    int64_t *pair;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_rwlock_create(&rwlock) || mproc_shm_create(&options, &shm) || mproc_shm_get(shm, &pair, NULL) ||
        mproc_args_new(&args) || mproc_args_add_rwlock(args, rwlock) || mproc_args_add_shm(args, shm) ||
        mproc_process_start(context, "write_half", args, NULL, &process) ||
        mproc_process_join(process, mproc_deadline_ms(5000), NULL))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_rwlock_set_repair(rwlock, mend, pair);
    if (mproc_rwlock_read(rwlock, mproc_deadline_ms(1000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    if (pair[0] != 7)
        return fprintf(stderr, "the writer has not died in the middle\n"), 1;
    printf("reading %" PRId64 " and %" PRId64 "\n", pair[0], pair[1]);
    if (mproc_rwlock_unlock(rwlock))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_process_free(process);
    mproc_args_free(args);
    mproc_shm_unref(shm);
    mproc_rwlock_unref(rwlock);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
