/*
 * A worker adds up what it is told, number by number: a place for one number, and two conditions for it.
 */
#include <inttypes.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shm.h>
#include <mproc/sync.h>

enum { NUMBER, TOTAL, FIELDS };

/* Waits until the place is full, or empty. */
static int await(struct mproc_condition *condition, const int64_t *place, bool full)
{
    int err = 0;

    while (!err && (place[NUMBER] != 0) != full)
        err = mproc_condition_wait(condition, mproc_deadline_ms(5000));
    return err;
}

static int add_up(struct mproc_args *args)
{
    struct mproc_condition *filled, *emptied;
    struct mproc_mutex *mutex;
    struct mproc_shm *shm;
    int64_t *place;

    if (mproc_args_get_mutex(args, 0, &mutex) || mproc_args_get_condition(args, 1, mutex, &filled) ||
        mproc_args_get_condition(args, 2, mutex, &emptied) || mproc_args_get_shm(args, 3, &shm) ||
        mproc_shm_get(shm, &place, NULL) || mproc_mutex_lock(mutex, mproc_deadline_ms(5000)))
        return 1;
    for (int64_t number = 0; number != 100;) {
        if (await(filled, place, true))
            return 1;
        number = place[NUMBER];
        place[TOTAL] += number;
        place[NUMBER] = 0;
        if (mproc_condition_notify(emptied, 1))
            return 1;
    }
    return mproc_mutex_unlock(mutex) ? 1 : 0;
}

static const struct mproc_entry entries[] = {{"add_up", add_up}, {NULL, NULL}};

int main(void)
{
    const struct mproc_shm_options options = {.type = MPROC_SHM_INT64, .count = FIELDS};
    struct mproc_condition *filled, *emptied;
    struct mproc_context *context;
    struct mproc_process *process;
    struct mproc_status status;
    struct mproc_mutex *mutex;
    struct mproc_args *args;
    struct mproc_shm *shm;
    int64_t *place;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_mutex_create(&mutex) || mproc_condition_create(mutex, &filled) ||
        mproc_condition_create(mutex, &emptied) || mproc_shm_create(&options, &shm) ||
        mproc_shm_get(shm, &place, NULL) || mproc_args_new(&args) || mproc_args_add_mutex(args, mutex) ||
        mproc_args_add_condition(args, filled) || mproc_args_add_condition(args, emptied) ||
        mproc_args_add_shm(args, shm) || mproc_process_start(context, "add_up", args, NULL, &process) ||
        mproc_mutex_lock(mutex, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    for (int64_t number = 1; number <= 100; number++) {
        if (await(emptied, place, false))
            return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
        place[NUMBER] = number;
        mproc_condition_notify(filled, 1);
    }
    if (mproc_mutex_unlock(mutex) || mproc_process_join(process, mproc_deadline_ms(5000), &status) ||
        mproc_status_check(&status))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    printf("the sum is %" PRId64 "\n", place[TOTAL]);
    mproc_process_free(process);
    mproc_args_free(args);
    mproc_shm_unref(shm);
    mproc_condition_unref(emptied);
    mproc_condition_unref(filled);
    mproc_mutex_unref(mutex);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
