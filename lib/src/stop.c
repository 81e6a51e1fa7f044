#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mproc/stop.h>

#include "error_internal.h"
#include "handle.h"
#include "stop_internal.h"
#include "wait.h"
#include "wait_fd.h"

/* A signal handler walks the tokens, so they are never freed but recycled, and the list only grows: to a
 * thousand more than there are, so that one that was given back stays recognisable as other handles do. */
struct mproc_stop {
    struct mproc_grip grip; /* no references: free to be taken again, when its time has come */
    uint32_t *word;
    uint32_t own_word;
    struct mproc_stop *_Atomic parent;
    struct mproc_stop *next;
    _Atomic uint64_t given_back; /* how many were, and it was the last */
};

enum { GONE = 1024 };

static struct mproc_stop process_token = {.grip.refs = 1, .word = &process_token.own_word};
static struct mproc_stop shield_token = {.grip.refs = 1, .word = &shield_token.own_word};
/* The worker whose owner can reach the word of its process token. A fork of it has one of its own. */
static pid_t reached_pid;
static struct mproc_stop *_Atomic tokens;
static _Atomic uint64_t gone_count;
static _Atomic unsigned walkers;

/* Initial-exec, because a lazily allocated thread-local would call malloc in a signal handler. */
static _Thread_local struct mproc_stop *current __attribute__((tls_model("initial-exec")));

static uint32_t level_of(const struct mproc_stop *stop)
{
    return __atomic_load_n(stop->word, __ATOMIC_ACQUIRE);
}

/* In a fork that a signal comes to before it has left its parent's word, the one that it is about to have. */
static uint32_t *word_to_raise(struct mproc_stop *stop)
{
    return stop->word == &stop->own_word || reached_pid == getpid() ? stop->word : &stop->own_word;
}

static void raise_level(struct mproc_stop *stop, uint32_t level)
{
    uint32_t *word = word_to_raise(stop);
    uint32_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);

    while (now < level) {
        if (__atomic_compare_exchange_n(word, &now, level, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
            mproc_poll_kick(word);
            return;
        }
    }
}

static bool is_below(struct mproc_stop *stop, const struct mproc_stop *ancestor)
{
    while ((stop = atomic_load(&stop->parent))) {
        if (stop == ancestor)
            return true;
    }
    return false;
}

static void raise_below(struct mproc_stop *ancestor, uint32_t level)
{
    /* While this is counted no token is recycled, so none can change its parent under the walk. */
    atomic_fetch_add(&walkers, 1);
    for (struct mproc_stop *stop = atomic_load(&tokens); stop; stop = stop->next) {
        if (is_below(stop, ancestor))
            raise_level(stop, level);
    }
    atomic_fetch_sub(&walkers, 1);
}

struct mproc_stop *mproc_stop_process(void)
{
    return &process_token;
}

static int check(const struct mproc_stop *stop)
{
    return mproc_handle_check(stop, "stop token");
}

static struct mproc_stop *take_token(void)
{
    uint64_t gone = atomic_load(&gone_count);

    for (struct mproc_stop *stop = atomic_load(&tokens); stop; stop = stop->next) {
        unsigned free_refs = 0;
        if (atomic_load(&stop->given_back) + GONE <= gone &&
            atomic_compare_exchange_strong(&stop->grip.refs, &free_refs, 1))
            return stop;
    }
    struct mproc_stop *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return NULL;
    fresh->word = &fresh->own_word;
    atomic_init(&fresh->grip.refs, 1);
    fresh->next = atomic_load(&tokens);
    while (!atomic_compare_exchange_weak(&tokens, &fresh->next, fresh))
        ;
    return fresh;
}

int mproc_stop_new(struct mproc_stop *parent, struct mproc_stop **ret_stop)
{
    struct mproc_stop *above = parent ? parent : &process_token;
    int r = check(above);

    if (r)
        return r;
    struct mproc_stop *stop = take_token();
    if (!stop)
        return mproc_fail(-ENOMEM, "no memory for a stop token");
    __atomic_store_n(stop->word, 0, __ATOMIC_RELEASE);
    atomic_store(&stop->parent, mproc_stop_ref(above));
    /* A walk that began before the parent was set has missed this token: look once more. */
    raise_level(stop, level_of(above));
    *ret_stop = stop;
    return 0;
}

struct mproc_stop *mproc_stop_ref(struct mproc_stop *stop)
{
    if (stop && stop != &process_token)
        mproc_handle_ref(stop);
    return stop;
}

/* Gives a reference back, but the last one: with that nobody takes the token before it has ended. Returns
 * whether it is that. */
static bool drop(struct mproc_stop *stop)
{
    unsigned refs = atomic_load(&stop->grip.refs);

    while (refs > 1) {
        if (atomic_compare_exchange_weak(&stop->grip.refs, &refs, refs - 1))
            return false;
    }
    if (refs == 0)
        mproc_handle_refuse(stop, "stop token");
    return refs == 1;
}

void mproc_stop_unref(struct mproc_stop *stop)
{
    while (stop && stop != &process_token && drop(stop)) {
        struct mproc_stop *parent = atomic_exchange(&stop->parent, NULL);
        while (atomic_load(&walkers) > 0)
            sched_yield();
        atomic_store(&stop->given_back, atomic_fetch_add(&gone_count, 1) + 1);
        atomic_store(&stop->grip.refs, 0);
        stop = parent;
    }
}

void mproc_stop_request(struct mproc_stop *stop, enum mproc_stop_level level)
{
    int saved = errno;

    if (!stop)
        stop = current ? current : &process_token;
    if (check(stop))
        return;
    raise_level(stop, (uint32_t)level);
    raise_below(stop, (uint32_t)level);
    errno = saved;
}

enum mproc_stop_level mproc_stop_level(const struct mproc_stop *stop)
{
    if (!stop)
        stop = current ? current : &process_token;
    return (enum mproc_stop_level)level_of(stop);
}

struct mproc_stop *mproc_stop_enter(struct mproc_stop *stop)
{
    struct mproc_stop *before = current;

    if (stop && check(stop))
        return before;
    current = stop == &process_token ? NULL : stop;
    return before;
}

const uint32_t *mproc_stop_word(void)
{
    return (current ? current : &process_token)->word;
}

struct mproc_stop *mproc_stop_shield(void)
{
    return &shield_token;
}

static bool is_fork_of_worker;

/* A fork of a worker begins as far stopped as that is, and from there on neither stops the other. */
static void before_fork(void)
{
    __atomic_store_n(&process_token.own_word, level_of(&process_token), __ATOMIC_RELEASE);
}

static void leave_word(void)
{
    process_token.word = &process_token.own_word;
    is_fork_of_worker = true;
}

bool mproc_stop_is_fork(void)
{
    return is_fork_of_worker;
}

void mproc_stop_rebase(uint32_t *word)
{
    static bool forks_leave;

    /* The other threads of whom this process was forked are gone, and with them their tokens. */
    for (struct mproc_stop *stop = atomic_load(&tokens); stop; stop = stop->next) {
        atomic_store(&stop->parent, NULL);
        atomic_store(&stop->grip.refs, 0);
    }
    atomic_store(&walkers, 0);
    mproc_poll_forget();
    current = NULL;
    process_token.own_word = 0;
    is_fork_of_worker = false;
    reached_pid = getpid();
    process_token.word = word;
    /* Without memory for it a fork of this worker only waits for the stop of the worker. */
    if (!forks_leave)
        forks_leave = pthread_atfork(before_fork, NULL, leave_word) == 0;
}

void mproc_stop_spread(void)
{
    int saved = errno;

    raise_below(&process_token, level_of(&process_token));
    mproc_poll_kick(process_token.word);
    errno = saved;
}

int mproc_stop_wait(struct mproc_stop *stop, uint64_t deadline_ns)
{
    if (!stop)
        stop = current ? current : &process_token;
    int r = check(stop);
    if (r)
        return r;
    while (level_of(stop) == MPROC_RUNNING) {
        r = mproc_wait_one(stop->word, MPROC_RUNNING, deadline_ns);
        if (r && level_of(stop) != MPROC_RUNNING)
            break;
        if (r)
            return mproc_fail(r, r == -ECANCELED
                                     ? "the thread itself was stopped while it waited for another stop"
                                     : "the token was not stopped until the deadline");
    }
    return 0;
}

int mproc_stop_sleep(uint64_t deadline_ns)
{
    int r = mproc_wait(NULL, 0, deadline_ns);

    return r == -ECANCELED ? mproc_fail(r, "stopped while sleeping") : 0;
}
