/*
 * Workers that keep their counts with a manager, and one that is killed with a lock.
 *
 * What is kept is reached through proxies, which travel in the arguments of processes. To add is one step at
 * the server, so no count is lost; for more than one step there is a lock, and who gets it after a death is
 * told.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/manager.h>
#include <mproc/process.h>

enum { WAIT_MS = 5000 };

static int count_words(struct mproc_args *args)
{
    static const char *const words[] = {"the", "cat", "the", "mat", "the"};
    struct mproc_shared *counts;

    if (mproc_args_get_shared(args, 0, &counts))
        return 1;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (mproc_shared_dict_add(counts, words[i], 1, mproc_deadline_ms(WAIT_MS), NULL))
            return 1;
    }
    mproc_shared_unref(counts);
    return 0;
}

static int die_with_lock(struct mproc_args *args)
{
    struct mproc_shared *lock;

    if (mproc_args_get_shared(args, 0, &lock) || mproc_shared_lock_acquire(lock, mproc_deadline_ms(WAIT_MS)))
        return 1;
    return raise(SIGKILL);
}

static const struct mproc_entry entries[] = {
    {"count_words", count_words}, {"die_with_lock", die_with_lock}, {NULL, NULL}};

static int run(struct mproc_context *context, const char *entry, const struct mproc_shared *shared)
{
    struct mproc_process *process;
    struct mproc_status status;
    struct mproc_args *args;

    if (mproc_args_new(&args) || mproc_args_add_shared(args, shared) ||
        mproc_process_start(context, entry, args, NULL, &process) ||
        mproc_process_join(process, mproc_deadline_ms(WAIT_MS), &status))
        return -1;
    mproc_process_free(process);
    mproc_args_free(args);
    return mproc_status_check(&status);
}

static void print(const struct mproc_value *counts)
{
    for (size_t i = 0; i < mproc_value_count(counts); i++) {
        int64_t count = 0;
        mproc_value_int(mproc_value_item(mproc_value_item(counts, i), 0), &count);
        printf("%s: %" PRId64 "\n", mproc_value_key(counts, i), count);
    }
}

int main(void)
{
    struct mproc_context *context;
    struct mproc_manager *manager;
    struct mproc_shared *counts, *lock;
    struct mproc_args *items;
    const uint64_t deadline = mproc_deadline_ms(WAIT_MS);

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_manager_start(context, NULL, &manager) ||
        mproc_shared_open(manager, &(struct mproc_shared_options){.kind = MPROC_SHARED_DICT}, deadline,
                          &counts) ||
        mproc_shared_open(manager, &(struct mproc_shared_options){.kind = MPROC_SHARED_LOCK}, deadline,
                          &lock) ||
        run(context, "count_words", counts) || run(context, "count_words", counts) ||
        mproc_shared_dict_items(counts, deadline, &items))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    print(mproc_args_value(items, 0));
    mproc_args_free(items);

    if (run(context, "die_with_lock", lock) != -ECHILD ||
        mproc_shared_lock_acquire(lock, deadline) != -EOWNERDEAD)
        return fprintf(stderr, "nobody has died with the lock: %s\n", mproc_error_detail()), 1;
    printf("the last one died with the lock, and now it is ours\n");
    if (mproc_shared_lock_release(lock, deadline))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;

    mproc_shared_unref(lock);
    mproc_shared_unref(counts);
    mproc_manager_unref(manager);
    if (mproc_context_close(context, mproc_deadline_ms(WAIT_MS)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
