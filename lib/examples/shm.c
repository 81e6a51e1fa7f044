/*
 * Numbers that a worker fills in, and a worker that dies in the middle of a change.
 *
 * A block is passed by its handle: however large it is, nothing is copied. Its lock tells who comes next that
 * the last one has died with it, and the repair callback makes the block whole again.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shm.h>

/* An account: what came in, what went out, and the balance, which must agree with them. */
enum { IN, OUT, BALANCE, FIELDS };

static int pay_in(struct mproc_args *args)
{
    struct mproc_shm *shm;
    int64_t *account, amount;

    if (mproc_args_get_shm(args, 0, &shm) || mproc_args_get_int(args, 1, &amount) ||
        mproc_shm_get(shm, &account, NULL) || mproc_shm_lock(shm, mproc_deadline_ms(1000)))
        return 1;
    account[IN] += amount;
    if (amount == 13)
        raise(SIGKILL);
    account[BALANCE] += amount;
    return mproc_shm_unlock(shm) ? 1 : 0;
}

static const struct mproc_entry entries[] = {{"pay_in", pay_in}, {NULL, NULL}};

static int repair(void *user)
{
    int64_t *account = user;

    account[BALANCE] = account[IN] - account[OUT];
    return 0;
}

int main(void)
{
    const struct mproc_shm_options options = {.type = MPROC_SHM_INT64, .count = FIELDS};
    struct mproc_context *context;
    struct mproc_process *process;
    struct mproc_shm *shm;
    int64_t *account;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_shm_create(&options, &shm) || mproc_shm_get(shm, &account, NULL))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    for (int amount = 12; amount <= 13; amount++) {
        struct mproc_args *args;
        if (mproc_args_new(&args) || mproc_args_add_shm(args, shm) || mproc_args_add(args, amount) ||
            mproc_process_start(context, "pay_in", args, NULL, &process) ||
            mproc_process_join(process, mproc_deadline_ms(5000), NULL))
            return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
        mproc_args_free(args);
        mproc_process_free(process);
    }
    mproc_shm_set_repair(shm, repair, account);
    if (mproc_shm_lock(shm, mproc_deadline_ms(1000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    printf("the balance is %" PRId64 "\n", account[BALANCE]);
    if (account[BALANCE] != 12 + 13)
        return fprintf(stderr, "a worker ended before it had paid in\n"), 1;
    if (mproc_shm_unlock(shm))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    mproc_shm_unref(shm);
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
