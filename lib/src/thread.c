#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/thread.h>

#include "call_name.h"
#include "error_internal.h"
#include "handle.h"
#include "stop_internal.h"
#include "thread_internal.h"
#include "wait.h"

struct cleanup {
    void (*run)(void *arg);
    void *arg;
    struct cleanup *next;
};

struct mproc_thread {
    struct mproc_grip grip; /* of who has started it */
    _Atomic unsigned refs;  /* the handle, the thread itself, and who joins all */
    uint32_t ended;         /* futex word */
    _Atomic pid_t tid;
    _Atomic uint64_t asked_ns; /* when it was asked to end by this module; 0: it was not */
    struct mproc_stop *token;
    int (*run)(void *arg);
    void *arg;
    bool returned;
    struct mproc_thread_result result;
    struct cleanup *cleanups;
    uint64_t number;           /* how many were started before it, and it; under the lock, as what follows */
    struct mproc_thread *next; /* in the order of the numbers */
    char name[64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mproc_thread *running;
static uint64_t started;
static _Thread_local struct mproc_thread *self;

static void unref(struct mproc_thread *thread)
{
    if (atomic_fetch_sub(&thread->refs, 1) > 1)
        return;
    mproc_stop_unref(thread->token);
    atomic_store(&thread->grip.refs, 0);
    mproc_handle_bury(thread);
}

static void remember(struct mproc_thread *thread)
{
    struct mproc_thread **end = &running;

    pthread_mutex_lock(&lock);
    while (*end)
        end = &(*end)->next;
    thread->number = ++started;
    *end = thread;
    pthread_mutex_unlock(&lock);
}

static void forget(struct mproc_thread *thread)
{
    pthread_mutex_lock(&lock);
    for (struct mproc_thread **at = &running; *at; at = &(*at)->next) {
        if (*at == thread) {
            *at = thread->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

int mproc_thread_pop_cleanup(int run)
{
    struct cleanup *cleanup = self ? self->cleanups : NULL;

    if (!cleanup)
        return mproc_fail(-EINVAL, "this thread has pushed no clean-up that is left");
    self->cleanups = cleanup->next;
    if (run)
        cleanup->run(cleanup->arg);
    free(cleanup);
    return 0;
}

int mproc_thread_push_cleanup(void (*run)(void *arg), void *arg)
{
    if (!self)
        return mproc_fail(-EINVAL, "the caller is no thread that mproc_thread_start() started");
    struct cleanup *cleanup = malloc(sizeof(*cleanup));
    if (!cleanup) {
        run(arg);
        return mproc_fail(-ENOMEM, "no memory for a clean-up, which has run at once");
    }
    *cleanup = (struct cleanup){run, arg, self->cleanups};
    self->cleanups = cleanup;
    return 0;
}

/* Also when the thread leaves by pthread_exit or is cancelled. */
static void end_thread(void *arg)
{
    struct mproc_thread *thread = arg;

    if (!thread->returned)
        mproc_fail(thread->result.result, "thread '%s' left by pthread_exit or was cancelled", thread->name);
    if (thread->result.result)
        snprintf(thread->result.detail, sizeof(thread->result.detail), "%.*s",
                 (int)sizeof(thread->result.detail) - 1, mproc_error_detail());
    while (thread->cleanups)
        mproc_thread_pop_cleanup(1);
    forget(thread);
    mproc_stop_enter(NULL);
    self = NULL;
    __atomic_store_n(&thread->ended, 1, __ATOMIC_RELEASE);
    mproc_wake(&thread->ended);
    unref(thread);
}

static void *run_thread(void *arg)
{
    struct mproc_thread *thread = arg;

    self = thread;
    atomic_store(&thread->tid, gettid());
    prctl(PR_SET_NAME, thread->name);
    mproc_stop_enter(thread->token);
    thread->result.result = -ECANCELED;
    pthread_cleanup_push(end_thread, thread);
    thread->result.result = thread->run(thread->arg);
    thread->returned = true;
    pthread_cleanup_pop(1);
    return NULL;
}

static int make_thread(const char *name, int (*run)(void *arg), void *arg, struct mproc_stop *parent,
                       struct mproc_thread **ret_thread)
{
    struct mproc_thread *thread = calloc(1, sizeof(*thread));

    if (!thread)
        return mproc_fail(-ENOMEM, "no memory for thread '%s'", name);
    int r = mproc_stop_new(parent, &thread->token);
    if (r) {
        free(thread);
        return r;
    }
    atomic_init(&thread->grip.refs, 1);
    atomic_init(&thread->refs, 2);
    thread->run = run;
    thread->arg = arg;
    snprintf(thread->name, sizeof(thread->name), "%s", name);
    *ret_thread = thread;
    return 0;
}

int mproc_thread_start(const char *name, int (*run)(void *arg), void *arg,
                       const struct mproc_thread_options *options, struct mproc_thread **ret_thread)
{
    static const struct mproc_thread_options defaults;
    struct mproc_thread *thread = NULL;
    pthread_attr_t attributes;
    pthread_t id;

    if (!options)
        options = &defaults;
    struct mproc_stop *parent = options->parent ? options->parent : mproc_stop_process();
    if (!name || !run)
        return mproc_fail(-EINVAL, "a thread needs a name and a function");
    if (mproc_stop_level(parent) != MPROC_RUNNING)
        return mproc_fail(-ECANCELED, "thread '%s' is not started any more: its parent token is stopped",
                          name);
    int r = make_thread(name, run, arg, parent, &thread);
    if (r)
        return r;
    remember(thread);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (options->stack_bytes > 0)
        r = -pthread_attr_setstacksize(&attributes, options->stack_bytes);
    if (r == 0)
        r = -pthread_create(&id, &attributes, run_thread, thread);
    pthread_attr_destroy(&attributes);
    if (r) {
        forget(thread);
        unref(thread);
        unref(thread);
        return mproc_fail(r, "thread '%s' could not be started: %s", name, strerrordesc_np(-r));
    }
    *ret_thread = thread;
    return 0;
}

void mproc_thread_free(struct mproc_thread *thread)
{
    if (mproc_handle_unref(thread))
        unref(thread);
}

static void ask(struct mproc_thread *thread)
{
    uint64_t never = 0;

    atomic_compare_exchange_strong(&thread->asked_ns, &never, mproc_clock_ns());
    mproc_stop_request(thread->token, MPROC_STOP_WARM);
}

void mproc_thread_ask(struct mproc_thread *thread)
{
    if (mproc_handle_check(thread, "thread") == 0)
        ask(thread);
}

const char *mproc_thread_name(const struct mproc_thread *thread)
{
    return mproc_handle_check(thread, "thread") ? "" : thread->name;
}

struct mproc_stop *mproc_thread_token(const struct mproc_thread *thread)
{
    return mproc_handle_check(thread, "thread") ? NULL : thread->token;
}

/* As far as the kernel tells: what a person needs to find the place. */
static void describe_place(const struct mproc_thread *thread, char *text, size_t size)
{
    char path[64], line[32] = "";
    pid_t tid = atomic_load(&thread->tid);

    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
    int fd = tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        ssize_t len = read(fd, line, sizeof(line) - 1);
        line[len > 0 ? len : 0] = '\0';
        close(fd);
    }
    line[strcspn(line, " \n")] = '\0';
    const char *name = line[0] ? mproc_call_name(strtol(line, NULL, 10)) : NULL;
    if (strcmp(line, "running") == 0)
        snprintf(text, size, "it runs on a processor");
    else if (name)
        snprintf(text, size, "it is in %s", name);
    else if (line[0] && line[0] != '-')
        snprintf(text, size, "it is in system call %s", line);
    else
        snprintf(text, size, "where it is cannot be told");
}

static int tell_hung(const struct mproc_thread *thread, int err)
{
    uint64_t asked_ns = atomic_load(&thread->asked_ns);
    char place[96];

    describe_place(thread, place, sizeof(place));
    if (asked_ns)
        return mproc_fail(err, "thread '%s' (%d) has not ended, %llu ms after it was asked to: %s",
                          thread->name, (int)atomic_load(&thread->tid),
                          (unsigned long long)((mproc_clock_ns() - asked_ns) / 1000000), place);
    return mproc_fail(err, "thread '%s' (%d) has not ended and was not asked to: %s", thread->name,
                      (int)atomic_load(&thread->tid), place);
}

static int wait_ended(struct mproc_thread *thread, uint64_t deadline_ns)
{
    int r = 0;

    while (!__atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE)) {
        if (r)
            return r;
        r = mproc_wait_one(&thread->ended, 0, deadline_ns);
    }
    return 0;
}

int mproc_thread_join(struct mproc_thread *thread, uint64_t deadline_ns,
                      struct mproc_thread_result *ret_result)
{
    int r = mproc_handle_check(thread, "thread");
    if (r)
        return r;
    if (thread == self)
        return mproc_fail(-EDEADLK, "thread '%s' would wait for itself", thread->name);
    r = wait_ended(thread, deadline_ns);
    if (r == -ECANCELED)
        return mproc_fail(r, "stopped while waiting for thread '%s'", thread->name);
    if (r)
        return tell_hung(thread, r);
    if (ret_result)
        *ret_result = thread->result;
    return 0;
}

/* A reference to the first of the others that was started after the one of this number, or NULL. Those that
 * end leave the list meanwhile, and others are started. */
static struct mproc_thread *take_other(uint64_t number)
{
    struct mproc_thread *found;

    pthread_mutex_lock(&lock);
    for (found = running; found; found = found->next) {
        if (found != self && found->number > number)
            break;
    }
    if (found)
        atomic_fetch_add(&found->refs, 1);
    pthread_mutex_unlock(&lock);
    return found;
}

static void ask_others(void)
{
    struct mproc_thread *thread;

    for (uint64_t last = 0; (thread = take_other(last));) {
        last = thread->number;
        ask(thread);
        unref(thread);
    }
}

int mproc_thread_stop_all(uint64_t deadline_ns)
{
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    struct mproc_thread *thread;
    char names[256] = "", place[96];
    unsigned hung = 0;

    ask_others();
    for (uint64_t last = 0; (thread = take_other(last));) {
        last = thread->number;
        ask(thread); /* it may have been started since */
        if (wait_ended(thread, deadline_ns)) {
            size_t len = strlen(names);
            describe_place(thread, place, sizeof(place));
            snprintf(names + len, sizeof(names) - len, "%s'%s' (%s)", hung ? ", " : "", thread->name, place);
            hung++;
        }
        unref(thread);
    }
    mproc_stop_enter(before);
    if (hung == 0)
        return 0;
    return mproc_fail(-ETIMEDOUT, "%u thread%s not ended until the deadline: %s", hung,
                      hung == 1 ? " has" : "s have", names);
}

void mproc_thread_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    running = NULL;
    self = NULL;
}
