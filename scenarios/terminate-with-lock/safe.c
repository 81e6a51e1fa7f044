/*
 * One worker books into an account in shared memory, another audits it meanwhile; a mutex keeps its two sums
 * in step.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/sync.h>
#include <pitfall/point.h>

#define BOOKINGS 100

struct account {
    long bookings;
    long balance; /* 5 for each booking */
};

/* The owner died between its two steps: take the first one back. Called with the mutex held. */
static int repair(void *user)
{
    struct account *account = user;
    account->bookings = account->balance / 5;
    return 0;
}

static int attach(struct mproc_args *args, struct mproc_mutex **ret_lock, struct account **ret_account)
{
    int fd, err = mproc_args_get_fd(args, 1, &fd);
    if (err)
        return err;
    struct account *account = mmap(NULL, sizeof(*account), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    err = account == MAP_FAILED ? -errno : mproc_args_get_mutex(args, 0, ret_lock);
    close(fd);
    if (err)
        return err;
    mproc_mutex_set_repair(*ret_lock, repair, account);
    *ret_account = account;
    return 0;
}

static int book(struct mproc_args *args)
{
    struct mproc_mutex *lock;
    struct account *account;
    int err = attach(args, &lock, &account);
    for (bool more = true; more && !err;) {
        err = mproc_mutex_lock(lock, mproc_deadline_ms(5000));
        if (err)
            break;
        account->bookings += 1;
        PITFALL_POINT("lock-held");
        account->balance += 5;
        more = account->bookings < BOOKINGS;
        err = mproc_mutex_unlock(lock);
    }
    return err;
}

static int audit(struct mproc_args *args)
{
    struct mproc_mutex *lock;
    struct account *account;
    int err = attach(args, &lock, &account);
    for (bool complete = false; !complete && !err;) {
        err = mproc_mutex_lock(lock, mproc_deadline_ms(5000));
        if (err)
            break;
        complete = account->bookings == BOOKINGS;
        if (account->balance != 5 * account->bookings)
            err = -EILSEQ;
        mproc_mutex_unlock(lock);
    }
    return err;
}

/* A booking worker that is killed is replaced until the work is done. */
static int book_all(struct mproc_context *context, const struct mproc_args *args)
{
    for (;;) {
        struct mproc_process *worker;
        struct mproc_status status;
        char how[96];
        int err = mproc_process_start(context, "book", args, NULL, &worker);
        if (err)
            return err;
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
        mproc_process_free(worker);
        if (err || status.end != MPROC_END_SIGNAL)
            return err ? err : status.result;
        fprintf(stderr, "booking worker %s, starting another\n",
                mproc_status_describe(&status, how, sizeof(how)));
    }
}

static int run(struct mproc_context *context, struct mproc_mutex *lock, int fd)
{
    struct mproc_args *args;
    struct mproc_process *auditor;
    struct mproc_status status;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_mutex(args, lock);
    mproc_args_add_fd(args, fd);
    err = mproc_process_start(context, "audit", args, NULL, &auditor);
    if (!err) {
        err = book_all(context, args);
        if (!err)
            err = mproc_process_join(auditor, mproc_deadline_ms(5000), &status);
        if (!err)
            err = status.result;
        mproc_process_free(auditor);
    }
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"book", book}, {"audit", audit}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_mutex *lock = NULL;
    struct account account = {0};
    int fd = memfd_create("account", MFD_CLOEXEC);
    int err = fd == -1 || ftruncate(fd, sizeof(account)) == -1 ? -errno : 0;
    if (!err)
        err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_mutex_create(&lock);
    if (!err)
        err = run(context, lock, fd);
    if (!err && pread(fd, &account, sizeof(account), 0) != sizeof(account))
        err = -EIO;
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%ld bookings, balance %ld\n", account.bookings, account.balance);
    mproc_mutex_unref(lock);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
