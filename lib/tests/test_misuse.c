/*
 * What is wrong in the program that uses the library is an error that says what to do, at once. Elsewhere: a
 * thread that joins itself (test_thread.c), no descriptor left in the middle of a start (test_guard.c,
 * victims/faults.sh), subscriptions of signals in a handler (test_shutdown.c), no room for shared memory
 * (test_shm.c, test_queue.c).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/limits.h>
#include <mproc/log.h>
#include <mproc/pipe.h>
#include <mproc/pool.h>
#include <mproc/queue.h>
#include <mproc/shm.h>
#include <mproc/shutdown.h>
#include <mproc/stop.h>
#include <mproc/sync.h>
#include <mproc/thread.h>

#include "starting.h"

TestSuite(misuse, .timeout = 60);

static int do_nothing(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static int sleep_on(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER);
}

static const struct mproc_entry entries[] = {{"nothing", do_nothing}, {"sleep", sleep_on}, {NULL, NULL}};

/* The last call failed because of this, and says a word of how to mend it. */
static void check_told(int r, int expected, const char *word)
{
    if (CHECK(r == expected))
        CHECK(strstr(mproc_error_detail(), word));
}

#define GIVEN_BACK(call) check_told((call), -EBADF, "given back")

/* Given back once more than it was had: nothing happens, but that it is said. */
#define TWICE(unref)                                                                                         \
    do {                                                                                                     \
        unref;                                                                                               \
        unref;                                                                                               \
        CHECK(strstr(mproc_error_detail(), "given back"));                                                   \
    } while (0)

CHILD_TEST(misuse, a_queue_that_was_given_back)
{
    struct mproc_queue *queue;
    struct mproc_queue_stat stat;
    struct mproc_args *args;
    void *data;
    size_t len;

    REQUIRE(mproc_queue_create(NULL, &queue) == 0);
    TWICE(mproc_queue_unref(queue));
    GIVEN_BACK(mproc_queue_put(queue, "x", 1, MPROC_NOW));
    GIVEN_BACK(mproc_queue_get(queue, MPROC_NOW, &data, &len));
    GIVEN_BACK(mproc_queue_done(queue, MPROC_NOW));
    GIVEN_BACK(mproc_queue_join(queue, MPROC_NOW));
    GIVEN_BACK(mproc_queue_close(queue, MPROC_NOW));
    GIVEN_BACK(mproc_queue_fd(queue));
    mproc_queue_stat(queue, &stat);
    CHECK(stat.closed && stat.messages == 0);
    REQUIRE(mproc_args_new(&args) == 0);
    GIVEN_BACK(mproc_args_add_queue(args, queue));
    mproc_args_free(args);
    mproc_queue_ref(queue);
    GIVEN_BACK(mproc_queue_put(queue, "x", 1, MPROC_NOW));
}

CHILD_TEST(misuse, other_shared_objects_that_were_given_back)
{
    struct mproc_mutex *mutex;
    struct mproc_event *event;
    struct mproc_shm *shm;
    struct mproc_pipe *here, *there;
    struct mproc_log *log;

    REQUIRE(mproc_mutex_create(&mutex) == 0 && mproc_event_create(&event) == 0);
    REQUIRE(mproc_shm_create(&(struct mproc_shm_options){.type = MPROC_SHM_INT64, .count = 1}, &shm) == 0);
    REQUIRE(mproc_pipe_create(NULL, &here, &there) == 0 && mproc_log_create(NULL, &log) == 0);
    TWICE(mproc_mutex_unref(mutex));
    GIVEN_BACK(mproc_mutex_lock(mutex, MPROC_NOW));
    TWICE(mproc_event_unref(event));
    GIVEN_BACK(mproc_event_set(event));
    TWICE(mproc_shm_unref(shm));
    GIVEN_BACK(mproc_shm_lock(shm, MPROC_NOW));
    TWICE(mproc_pipe_unref(here));
    GIVEN_BACK(mproc_pipe_send(here, "x", 1, MPROC_NOW));
    TWICE(mproc_log_unref(log));
    GIVEN_BACK(mproc_log_info(log, "nothing"));
    mproc_pipe_unref(there);
}

CHILD_TEST(misuse, a_process_and_a_context_after_their_end)
{
    struct mproc_status status;
    struct mproc_context_info info;
    struct mproc_process *process, *kept;

    open_context(entries);
    process = start("nothing", NULL, NULL);
    kept = start("nothing", NULL, NULL);
    join(process);
    join(kept);
    TWICE(mproc_process_free(process));
    GIVEN_BACK(mproc_process_join(process, MPROC_NOW, &status));
    GIVEN_BACK(mproc_process_terminate(process));
    GIVEN_BACK(mproc_process_stop(process, NULL, &status));
    GIVEN_BACK(mproc_process_sentinel(process));
    CHECK(!mproc_process_alive(process) && mproc_process_pid(process) == 0);
    CHECK_STR(mproc_process_name(process), "");
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    GIVEN_BACK(mproc_context_close(context, MPROC_NOW));
    GIVEN_BACK(mproc_context_get_info(context, &info));
    GIVEN_BACK(mproc_process_start(context, "nothing", NULL, NULL, &process));
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_process_join(kept, MPROC_NOW, &status) == 0);
    mproc_process_free(kept);
    GIVEN_BACK(mproc_process_join(kept, MPROC_NOW, &status));
    GIVEN_BACK(mproc_context_close(context, MPROC_NOW));
}

CHILD_TEST(misuse, a_process_that_runs_on_after_its_handle_was_given_back)
{
    struct mproc_process *process, *again;

    open_context(entries);
    process = start("nothing", NULL, NULL);
    TWICE(mproc_process_free(process));
    if (mproc_process_active(context, &again, 1) == 1) {
        join(again);
        mproc_process_free(again);
    }
    CHECK(mproc_context_close(context, mproc_deadline_ms(10000)) == 0);
}

static int feed_none(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    (void)index;
    (void)args;
    return MPROC_FEED_END;
}

CHILD_TEST(misuse, a_pool_and_what_it_gave_out_after_their_end)
{
    struct mproc_pool *pool;
    struct mproc_pool_stat stat;
    struct mproc_future *future;
    struct mproc_map *map;
    struct mproc_result result;

    open_context(entries);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 1}, &pool) == 0);
    REQUIRE(mproc_pool_submit(pool, "nothing", NULL, NULL, mproc_deadline_ms(10000), &future) == 0);
    REQUIRE(mproc_future_wait(future, mproc_deadline_ms(10000), &result) == 0);
    REQUIRE(mproc_pool_imap(pool, "nothing", feed_none, NULL, NULL, &map) == 0);
    TWICE(mproc_future_free(future));
    GIVEN_BACK(mproc_future_wait(future, MPROC_NOW, &result));
    GIVEN_BACK(mproc_future_cancel(future));
    TWICE(mproc_map_free(map));
    GIVEN_BACK(mproc_map_next(map, MPROC_NOW, &result));
    TWICE(mproc_pool_free(pool));
    GIVEN_BACK(mproc_pool_submit(pool, "nothing", NULL, NULL, MPROC_NOW, &future));
    GIVEN_BACK(mproc_pool_imap(pool, "nothing", feed_none, NULL, NULL, &map));
    GIVEN_BACK(mproc_pool_close(pool));
    GIVEN_BACK(mproc_pool_join(pool, MPROC_NOW));
    GIVEN_BACK(mproc_pool_terminate(pool, MPROC_NOW));
    GIVEN_BACK(mproc_pool_get_stat(pool, &stat));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    GIVEN_BACK(mproc_pool_create(context, NULL, &pool));
}

static int wait_for_stop(void *arg)
{
    (void)arg;
    while (mproc_stop_level(NULL) == MPROC_RUNNING)
        mproc_stop_sleep(mproc_deadline_ms(10000));
    return 0;
}

CHILD_TEST(misuse, a_thread_that_was_given_back)
{
    struct mproc_thread_result result;
    struct mproc_thread *thread;

    REQUIRE(mproc_thread_start("idle", wait_for_stop, NULL, NULL, &thread) == 0);
    mproc_thread_ask(thread);
    REQUIRE(mproc_thread_join(thread, mproc_deadline_ms(10000), &result) == 0);
    TWICE(mproc_thread_free(thread));
    GIVEN_BACK(mproc_thread_join(thread, MPROC_NOW, &result));
    CHECK(mproc_thread_token(thread) == NULL);
}

CHILD_TEST(misuse, arguments_that_were_given_back)
{
    struct mproc_process *process = NULL;
    struct mproc_args *args;
    int64_t number = 0;
    int fd = -1;

    REQUIRE(mproc_args_new(&args) == 0);
    REQUIRE(mproc_args_add_int(args, 1) == 0 && mproc_args_add_fd(args, 0) == 0);
    TWICE(mproc_args_free(args));
    GIVEN_BACK(mproc_args_add_int(args, 1));
    GIVEN_BACK(mproc_args_add_string(args, "text"));
    GIVEN_BACK(mproc_args_add_string(args, NULL));
    GIVEN_BACK(mproc_args_add_fd(args, 0));
    GIVEN_BACK(mproc_args_add_array(args, 2));
    GIVEN_BACK(mproc_args_get_int(args, 0, &number));
    GIVEN_BACK(mproc_args_get_fd(args, 1, &fd));
    CHECK(mproc_args_count(args) == 0 && mproc_args_value(args, 0) == NULL);
    mproc_args_clear(args);
    GIVEN_BACK(mproc_args_add_nil(args));
    open_context(entries);
    GIVEN_BACK(mproc_process_start(context, "nothing", args, NULL, &process));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(misuse, a_stop_token_that_was_given_back)
{
    struct mproc_thread_options options = {0};
    struct mproc_stop *token, *others, *third, *none = NULL;
    struct mproc_thread *thread;

    REQUIRE(mproc_stop_new(NULL, &token) == 0);
    mproc_stop_unref(token);
    REQUIRE(mproc_stop_new(NULL, &others) == 0);
    mproc_stop_unref(token);
    CHECK(strstr(mproc_error_detail(), "given back"));
    REQUIRE(mproc_stop_new(NULL, &third) == 0);
    CHECK(third != others);
    mproc_stop_request(others, MPROC_STOP_WARM);
    CHECK(mproc_stop_level(others) == MPROC_STOP_WARM && mproc_stop_level(third) == MPROC_RUNNING);
    GIVEN_BACK(mproc_stop_new(token, &none));
    GIVEN_BACK(mproc_stop_wait(token, MPROC_NOW));
    options.parent = token;
    GIVEN_BACK(mproc_thread_start("idle", wait_for_stop, NULL, &options, &thread));
    mproc_stop_request(token, MPROC_STOP_COLD);
    mproc_stop_ref(token);
    GIVEN_BACK(mproc_stop_new(token, &none));
    CHECK(mproc_stop_enter(token) == NULL && mproc_stop_enter(NULL) == NULL);
    mproc_stop_unref(others);
    mproc_stop_unref(third);
}

static volatile sig_atomic_t heard;

static void hear(int signo, const siginfo_t *info, void *arg)
{
    (void)signo;
    (void)info;
    (void)arg;
    heard++;
}

CHILD_TEST(misuse, a_subscription_that_was_given_back)
{
    struct mproc_subscription *mine, *others;

    REQUIRE(mproc_signal_subscribe(SIGUSR1, hear, NULL, &mine) == 0);
    mproc_signal_unsubscribe(mine);
    REQUIRE(mproc_signal_subscribe(SIGUSR1, hear, NULL, &others) == 0);
    mproc_signal_unsubscribe(mine);
    CHECK(strstr(mproc_error_detail(), "given back"));
    raise(SIGUSR1);
    CHECK(heard == 1);
    mproc_signal_unsubscribe(others);
}

CHILD_TEST(misuse, a_fork_uses_the_context_of_its_parent)
{
    struct mproc_process *process = NULL;
    struct mproc_pool *pool;
    int status;

    open_context(entries);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 1}, &pool) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        check_told(mproc_process_start(context, "nothing", NULL, NULL, &process), -EPERM, "fork");
        check_told(mproc_pool_close(pool), -EPERM, "fork");
        check_told(mproc_context_close(context, MPROC_NOW), -EPERM, "fork");
        _exit(child_failures ? 1 : 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static int unlock_all(void *arg)
{
    void **locks = arg;

    CHECK(mproc_mutex_unlock(locks[0]) == -EPERM);
    CHECK(mproc_rlock_unlock(locks[1]) == -EPERM);
    CHECK(mproc_rwlock_unlock(locks[2]) == -EPERM);
    CHECK(mproc_semaphore_release(locks[3]) == -EPERM);
    CHECK(mproc_shm_unlock(locks[4]) == -EPERM);
    CHECK(mproc_condition_notify(locks[5], 1) == -EPERM);
    return 0;
}

CHILD_TEST(misuse, unlock_by_who_is_not_the_owner)
{
    const struct mproc_semaphore_options one = {.units = 1, .bounded = true};
    const struct mproc_shm_options number = {.type = MPROC_SHM_INT64, .count = 1};
    struct mproc_mutex *mutex;
    struct mproc_rlock *rlock;
    struct mproc_rwlock *rwlock;
    struct mproc_semaphore *semaphore;
    struct mproc_shm *shm;
    struct mproc_condition *condition;
    struct mproc_thread *thread;

    REQUIRE(mproc_mutex_create(&mutex) == 0 && mproc_rlock_create(&rlock) == 0 &&
            mproc_rwlock_create(&rwlock) == 0);
    REQUIRE(mproc_semaphore_create(&one, &semaphore) == 0 && mproc_shm_create(&number, &shm) == 0);
    REQUIRE(mproc_condition_create(mutex, &condition) == 0);
    CHECK(mproc_mutex_lock(mutex, MPROC_NOW) == 0 && mproc_rlock_lock(rlock, MPROC_NOW) == 0);
    CHECK(mproc_rwlock_write(rwlock, MPROC_NOW) == 0 && mproc_semaphore_acquire(semaphore, MPROC_NOW) == 0);
    CHECK(mproc_shm_lock(shm, MPROC_NOW) == 0);
    void *locks[] = {mutex, rlock, rwlock, semaphore, shm, condition};
    REQUIRE(mproc_thread_start("other", unlock_all, locks, NULL, &thread) == 0);
    CHECK(mproc_thread_join(thread, mproc_deadline_ms(10000), NULL) == 0);
    mproc_thread_free(thread);
    CHECK(mproc_mutex_unlock(mutex) == 0 && mproc_rlock_unlock(rlock) == 0);
    CHECK(mproc_rwlock_unlock(rwlock) == 0 && mproc_semaphore_release(semaphore) == 0);
    CHECK(mproc_shm_unlock(shm) == 0);
    mproc_condition_unref(condition);
    mproc_mutex_unref(mutex);
    mproc_rlock_unref(rlock);
    mproc_rwlock_unref(rwlock);
    mproc_semaphore_unref(semaphore);
    mproc_shm_unref(shm);
}

/* Of no bytes is of the usual size, of one byte the smallest there is. */
CHILD_TEST(misuse, sizes)
{
    struct mproc_queue *queue;
    struct mproc_shm *shm;
    static char bytes[70000];

    REQUIRE(mproc_queue_create(&(struct mproc_queue_options){.bytes = 0}, &queue) == 0);
    CHECK(mproc_queue_put(queue, "x", 1, MPROC_NOW) == 0);
    mproc_queue_unref(queue);
    REQUIRE(mproc_queue_create(&(struct mproc_queue_options){.bytes = 1, .large_bytes = 1}, &queue) == 0);
    CHECK(mproc_queue_put(queue, "x", 1, MPROC_NOW) == 0);
    check_told(mproc_queue_put(queue, bytes, sizeof(bytes), MPROC_FOREVER), -EMSGSIZE, "large_bytes");
    mproc_queue_unref(queue);
    CHECK(mproc_queue_create(&(struct mproc_queue_options){.bytes = SIZE_MAX}, &queue) == -EINVAL);
    CHECK(mproc_shm_create(&(struct mproc_shm_options){.type = MPROC_SHM_INT64}, &shm) == -EINVAL);
    /* More than there is memory. */
    int r = mproc_shm_create(&(struct mproc_shm_options){.size = 1, .count = (size_t)1 << 40}, &shm);
    CHECK(r == -ENOMEM || r == -ENOSPC);
}

CHILD_TEST(misuse, limits_that_are_too_small)
{
    struct mproc_need need = {.workers = 100000, .fds = 10000000};
    struct rlimit limit = {64, 64};
    struct mproc_pool *pool;

    open_context(entries);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getuid() == 0) /* root may raise it */
        need.fds = UINT64_C(1) << 40;
    check_told(mproc_limits_preflight(&need), -EMFILE, "RLIMIT_NOFILE");
    if (getuid() != 0)
        check_told(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 60}, &pool), -EMFILE,
                   "RLIMIT_NOFILE");
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static void *wait_on(void *arg)
{
    char byte;

    return read(*(int *)arg, &byte, 1) == 0 ? NULL : arg;
}

CHILD_TEST(misuse, fork_with_threads)
{
    const struct mproc_process_options fork_it = {.method = MPROC_START_FORK};
    struct mproc_process *process;
    struct mproc_context *second;
    pthread_t thread;
    int ends[2];

    REQUIRE(pipe(ends) == 0);
    open_context(entries);
    pthread_create(&thread, NULL, wait_on, &ends[0]);
    check_told(mproc_process_start(context, "nothing", NULL, &fork_it, &process), -EDEADLK, "FORKSERVER");
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    check_told(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &second), -EDEADLK,
               "before the first thread");
    close(ends[1]);
    pthread_join(thread, NULL);
}

static struct mproc_queue *handled_queue;
static volatile sig_atomic_t handled_deadlocks;

// NOLINTBEGIN(bugprone-signal-handler): these are the mistakes
static void put_in_handler(int signo)
{
    (void)signo;
    handled_deadlocks += mproc_queue_put(handled_queue, "x", 1, MPROC_NOW) == -EDEADLK;
}
// NOLINTEND(bugprone-signal-handler)

/* A handler that comes into the middle of a put cannot put: with signals often enough some do. */
CHILD_TEST(misuse, a_put_in_a_signal_handler_out_of_a_put)
{
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
    static char bytes[16000];
    uint64_t until_ns = mproc_deadline_ms(20000);
    void *data;
    size_t len;

    REQUIRE(mproc_queue_create(NULL, &handled_queue) == 0);
    signal(SIGALRM, put_in_handler);
    setitimer(ITIMER_REAL, &often, NULL);
    while (!handled_deadlocks && mproc_clock_ns() < until_ns) {
        CHECK(mproc_queue_put(handled_queue, bytes, sizeof(bytes), MPROC_FOREVER) == 0);
        while (mproc_queue_get(handled_queue, MPROC_NOW, &data, &len) == 0)
            free(data);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(handled_deadlocks > 0);
    mproc_queue_unref(handled_queue);
}

static volatile sig_atomic_t handled_looks;

// NOLINTBEGIN(bugprone-signal-handler)
static void look_in_handler(int signo)
{
    struct mproc_context_info info;
    struct mproc_process *process;

    (void)signo;
    if (mproc_context_get_info(context, &info) == 0 && info.running == 1 &&
        mproc_process_active(context, &process, 1) == 1) {
        mproc_process_free(process);
        handled_looks++;
    }
}
// NOLINTEND(bugprone-signal-handler)

/* A handler never comes into the middle of what has the lock of a context, for which it would wait for ever.
 */
CHILD_TEST(misuse, a_context_in_a_signal_handler_out_of_a_call)
{
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
    uint64_t until_ns = mproc_deadline_ms(20000);
    struct mproc_context_info info;

    open_context(entries);
    struct mproc_process *process = start("sleep", NULL, NULL);
    signal(SIGALRM, look_in_handler);
    setitimer(ITIMER_REAL, &often, NULL);
    while (handled_looks < 1000 && mproc_clock_ns() < until_ns) {
        struct mproc_process *again;
        CHECK(mproc_context_get_info(context, &info) == 0 && info.running == 1);
        if (CHECK(mproc_process_active(context, &again, 1) == 1))
            mproc_process_free(again);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(handled_looks >= 1000);
    CHECK(mproc_process_kill(process) == 0);
    mproc_process_free(process);
    CHECK(mproc_context_close(context, mproc_deadline_ms(5000)) == 0);
}
