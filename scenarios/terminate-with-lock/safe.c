/*
 * One worker books into an account in shared memory, another audits it
 * meanwhile; a lock keeps its two sums in step.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/shm.h>
#include <pitfall/point.h>

#define BOOKINGS 100

struct account {
    long bookings;
    long balance; /* 5 for each booking */
};

/* The owner of the lock died between its two steps: take the first one back.
 * Called with the lock held. */
static int repair(void *user)
{
    struct account *account = user;
    account->bookings = account->balance / 5;
    return 0;
}

static int attach(struct mproc_args *args, struct mproc_shm **ret_shm,
                  struct account **ret_account)
{
    int err = mproc_args_get_shm(args, 0, ret_shm);
    if (!err)
        err = mproc_shm_get(*ret_shm, ret_account, NULL);
    if (!err)
        mproc_shm_set_repair(*ret_shm, repair, *ret_account);
    return err;
}

static int book(struct mproc_args *args)
{
    struct mproc_shm *shm;
    struct account *account;
    int err = attach(args, &shm, &account);
    for (bool more = true; more && !err;) {
        err = mproc_shm_lock(shm, mproc_deadline_ms(5000));
        if (err)
            break;
        account->bookings += 1;
        PITFALL_POINT("lock-held");
        account->balance += 5;
        more = account->bookings < BOOKINGS;
        err = mproc_shm_unlock(shm);
    }
    return err;
}

static int audit(struct mproc_args *args)
{
    struct mproc_shm *shm;
    struct account *account;
    int err = attach(args, &shm, &account);
    for (bool complete = false; !complete && !err;) {
        err = mproc_shm_lock(shm, mproc_deadline_ms(5000));
        if (err)
            break;
        bool sound = account->balance == 5 * account->bookings;
        complete = account->bookings == BOOKINGS;
        err = mproc_shm_unlock(shm);
        if (!sound)
            err = -EILSEQ;
    }
    return err;
}

static int join(struct mproc_process *worker)
{
    struct mproc_status status;
    int err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    mproc_process_free(worker);
    return err ? err : mproc_status_check(&status);
}

static int run(struct mproc_context *context, struct mproc_shm *shm)
{
    struct mproc_args *args;
    struct mproc_process *auditor, *worker;
    int err = mproc_args_new(&args);
    if (!err)
        err = mproc_args_add_shm(args, shm);
    if (!err)
        err = mproc_process_start(context, "audit", args, NULL, &auditor);
    if (err)
        return err;
    /* Who was killed is replaced: the next one goes on where the account
     * stands. */
    while (!(err = mproc_process_start(context, "book", args, NULL, &worker)) &&
           (err = join(worker)) == -ECHILD)
        fprintf(stderr, "%s; starting another\n", mproc_error_detail());
    mproc_args_free(args);
    return err ? err : join(auditor);
}

int main(void)
{
    static const struct mproc_entry entries[] = {
        {"book", book}, {"audit", audit}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_shm *shm = NULL;
    struct account *account;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_shm_create(
            &(struct mproc_shm_options){.size = sizeof(*account), .count = 1},
            &shm);
    if (!err)
        err = mproc_shm_get(shm, &account, NULL);
    if (!err)
        err = run(context, shm);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%ld bookings, balance %ld\n", account->bookings,
               account->balance);
    mproc_shm_unref(shm);
    mproc_context_close(context, err ? MPROC_NOW : mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
