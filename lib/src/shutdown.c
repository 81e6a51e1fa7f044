#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/shutdown.h>

#include "error_internal.h"
#include "handle.h"
#include "process_internal.h"
#include "shutdown_internal.h"
#include "system.h"

enum { SHUTDOWN_SIGNALS_MAX = 8 };

/* The handler reads these without a lock: `run` is set last and cleared first, `signo` and `arg` in between
 * only change while nobody is in a handler. */
struct place {
    mproc_signal_fn *_Atomic run;
    int signo;
    void *arg;
    struct mproc_subscription *taken; /* under the lock */
};

/* What the subscriber has: the place is soon another's. */
struct mproc_subscription {
    struct mproc_grip grip;
    struct place *place;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[MPROC_SUBSCRIPTIONS_MAX];
static struct sigaction before[NSIG];
static unsigned subscribers[NSIG];
static _Atomic unsigned handling;
static _Thread_local unsigned handlers_here; /* that this thread is in */

static struct mproc_subscription *shutdown_subscriptions[SHUTDOWN_SIGNALS_MAX];
static size_t nshutdown;
static _Atomic int first_signal;

static void call_earlier_handler(int signo, siginfo_t *info, void *ucontext)
{
    const struct sigaction *action = &before[signo];

    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(signo, info, ucontext);
    else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)
        action->sa_handler(signo);
}

static void handle(int signo, siginfo_t *info, void *ucontext)
{
    int saved = errno;

    atomic_fetch_add(&handling, 1);
    handlers_here++;
    for (size_t i = 0; i < MPROC_SUBSCRIPTIONS_MAX; i++) {
        mproc_signal_fn *run = atomic_load(&places[i].run);
        if (run && places[i].signo == signo)
            run(signo, info, places[i].arg);
    }
    call_earlier_handler(signo, info, ucontext);
    handlers_here--;
    atomic_fetch_sub(&handling, 1);
    errno = saved;
}

/* Who is called by a handler would wait for it, which is itself. */
static int check_no_handler(void)
{
    if (handlers_here == 0)
        return 0;
    return mproc_fail(-EDEADLK, "subscriptions cannot be changed in a signal handler: let it set a flag or "
                                "stop a token, and do it where that is seen");
}

static void await_handlers(void)
{
    while (atomic_load(&handling) > 0)
        sched_yield();
}

/* Under the lock. */
static int install_handler(int signo)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};

    if (subscribers[signo]++ > 0)
        return 0;
    /* Held meanwhile: the handler needs to know whom to call after it. */
    sigfillset(&action.sa_mask);
    if (sigaction(signo, NULL, &before[signo]) == 0 && sigaction(signo, &action, NULL) == 0)
        return 0;
    subscribers[signo]--;
    return mproc_fail(-EINVAL, "signal %d cannot be caught", signo);
}

/* Under the lock. */
static struct place *find_place(void)
{
    for (size_t i = 0; i < MPROC_SUBSCRIPTIONS_MAX; i++) {
        if (!places[i].taken)
            return &places[i];
    }
    return NULL;
}

/* Under the lock. */
static int subscribe(struct mproc_subscription *subscription, int signo, mproc_signal_fn *run, void *arg)
{
    struct place *place = find_place();

    if (!place)
        return mproc_fail(-ENOSPC, "%d signal subscriptions are in use already", MPROC_SUBSCRIPTIONS_MAX);
    place->signo = signo;
    place->arg = arg;
    atomic_store(&place->run, run);
    int r = install_handler(signo);
    if (r) {
        atomic_store(&place->run, NULL);
        return r;
    }
    place->taken = subscription;
    subscription->place = place;
    return 0;
}

int mproc_signal_subscribe(int signo, mproc_signal_fn *run, void *arg,
                           struct mproc_subscription **ret_subscription)
{
    struct mproc_subscription *subscription = NULL;
    sigset_t mask;
    int r = check_no_handler();

    if (r)
        return r;
    if (signo <= 0 || signo >= NSIG || !run)
        return mproc_fail(-EINVAL, "there is no signal %d, or nothing to run for it", signo);
    r = mproc_handle_new(sizeof(*subscription), &subscription);
    if (r)
        return r;
    /* A handler in this thread that wanted the lock too would wait for ever. */
    mproc_hold_signals(&mask);
    pthread_mutex_lock(&lock);
    r = subscribe(subscription, signo, run, arg);
    pthread_mutex_unlock(&lock);
    mproc_release_signals(&mask);
    if (r)
        free(subscription);
    else
        *ret_subscription = subscription;
    return r;
}

/* Under the lock. */
static void leave_place(struct place *place)
{
    atomic_store(&place->run, NULL);
    if (--subscribers[place->signo] == 0)
        sigaction(place->signo, &before[place->signo], NULL);
    await_handlers();
    place->taken = NULL;
}

void mproc_signal_unsubscribe(struct mproc_subscription *subscription)
{
    sigset_t mask;

    if (!subscription || check_no_handler() || !mproc_handle_unref(subscription))
        return;
    mproc_hold_signals(&mask);
    pthread_mutex_lock(&lock);
    /* One of the process that this worker was forked from has no place here. */
    if (subscription->place->taken == subscription)
        leave_place(subscription->place);
    pthread_mutex_unlock(&lock);
    mproc_release_signals(&mask);
    mproc_handle_bury(subscription);
}

void mproc_shutdown_request(enum mproc_stop_level level)
{
    if (level == MPROC_RUNNING)
        return;
    mproc_stop_request(mproc_stop_process(), level);
    mproc_context_forward((int)level);
}

static void on_shutdown_signal(int signo, const siginfo_t *info, void *arg)
{
    int none = 0;

    (void)info;
    (void)arg;
    if (atomic_compare_exchange_strong(&first_signal, &none, signo))
        mproc_shutdown_request(MPROC_STOP_WARM);
    else
        mproc_shutdown_request(MPROC_STOP_COLD);
}

int mproc_shutdown_install(const int *signals, size_t nsignals)
{
    static const int usual[] = {SIGINT, SIGTERM, SIGHUP};
    int r = 0;

    if (nshutdown > 0)
        return mproc_fail(-EBUSY, "shutdown signals are installed already");
    if (!signals) {
        signals = usual;
        nsignals = sizeof(usual) / sizeof(usual[0]);
    }
    if (nsignals == 0 || nsignals > SHUTDOWN_SIGNALS_MAX)
        return mproc_fail(-EINVAL, "%zu shutdown signals; 1 to %d can be had", nsignals,
                          SHUTDOWN_SIGNALS_MAX);
    for (; r == 0 && nshutdown < nsignals; nshutdown += r == 0)
        r = mproc_signal_subscribe(signals[nshutdown], on_shutdown_signal, NULL,
                                   &shutdown_subscriptions[nshutdown]);
    if (r)
        mproc_shutdown_remove();
    return r;
}

void mproc_shutdown_remove(void)
{
    while (nshutdown > 0 && check_no_handler() == 0)
        mproc_signal_unsubscribe(shutdown_subscriptions[--nshutdown]);
}

int mproc_shutdown_signal(void)
{
    return atomic_load(&first_signal);
}

void mproc_shutdown_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    for (size_t i = 0; i < MPROC_SUBSCRIPTIONS_MAX; i++) {
        atomic_store(&places[i].run, NULL);
        places[i].taken = NULL;
    }
    memset(subscribers, 0, sizeof(subscribers));
    atomic_store(&handling, 0);
    handlers_here = 0;
    atomic_store(&first_signal, 0);
    nshutdown = 0;
}
