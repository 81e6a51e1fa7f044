#include <limits.h>
#include <pthread.h>

#include <mproc/pool.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "manager_wire.h"
#include "managing.h"

/* Entries of processes. */

static int add_thousand(struct mproc_args *args)
{
    struct mproc_shared *counter;

    if (mproc_args_get_shared(args, 0, &counter))
        return 1;
    for (int i = 0; i < 1000; i++) {
        if (mproc_shared_counter_add(counter, 1, soon(), NULL))
            return 2;
    }
    mproc_shared_unref(counter);
    return 0;
}

static int add_task(struct mproc_args *args)
{
    struct mproc_shared *dict;
    int64_t sum = 0;

    int r = mproc_args_get_shared(args, 0, &dict);
    if (r)
        return r;
    r = mproc_shared_dict_add(dict, "tasks", 1, soon(), &sum);
    mproc_shared_unref(dict);
    return r ? r : mproc_args_add_int(mproc_task_result(), sum);
}

/* Takes the lock, says so in the other object, and waits to be killed. */
static int hold(struct mproc_args *args)
{
    struct mproc_shared *lock, *event;

    if (mproc_args_get_shared(args, 0, &lock) || mproc_args_get_shared(args, 1, &event))
        return 1;
    int r = mproc_shared_lock_acquire(lock, soon());
    if (r && r != -EOWNERDEAD)
        return 2;
    if (put(event, r, soon()))
        return 3;
    for (;;)
        pause();
}

static int stop_it(struct mproc_args *args)
{
    if (mproc_args_get_manager(args, 0, &manager))
        return 1;
    return mproc_manager_stop(manager, soon()) == -EPERM ? 0 : 2;
}

static const struct mproc_entry entries[] = {{"add_thousand", add_thousand},
                                             {"hold", hold},
                                             {"stop_it", stop_it},
                                             {"add_task", add_task},
                                             {NULL, NULL}};

TestSuite(manager_clients, .timeout = 60);

/* Threads. */

struct worker {
    struct mproc_shared *queue, *counter, *lock, *dict;
    int failures;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    int64_t before = 0;

    for (int i = 0; i < 300; i++) {
        worker->failures += put(worker->queue, i, soon()) != 0;
        worker->failures += mproc_shared_counter_add(worker->counter, 1, soon(), NULL) != 0;
        worker->failures += mproc_shared_lock_acquire(worker->lock, soon()) != 0;
        before = get(worker->dict, "sum");
        worker->failures += set(worker->dict, "sum", before + 1) != 0;
        worker->failures += mproc_shared_lock_release(worker->lock, soon()) != 0;
        worker->failures += take(worker->queue, soon()) == INT64_MIN;
    }
    return NULL;
}

CHILD_TEST(manager_clients, serves_four_threads_through_one_proxy)
{
    struct mproc_manager_stat stat = {0};
    pthread_t threads[4];

    open_manager(entries, NULL);
    struct worker worker = {.queue = open_shared(MPROC_SHARED_QUEUE, NULL),
                            .counter = open_shared(MPROC_SHARED_COUNTER, NULL),
                            .lock = open_shared(MPROC_SHARED_LOCK, NULL),
                            .dict = open_shared(MPROC_SHARED_DICT, NULL)};
    struct worker workers[4];
    int64_t count = 0;
    CHECK(set(worker.dict, "sum", 0) == 0);
    for (int i = 0; i < 4; i++) {
        workers[i] = worker;
        REQUIRE(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(workers[i].failures == 0);
    }
    CHECK(mproc_shared_counter_add(worker.counter, 0, soon(), &count) == 0 && count == 1200);
    CHECK(get(worker.dict, "sum") == 1200);
    /* Each had a connection of its own, which has ended with it. */
    do
        CHECK(mproc_manager_get_stat(manager, soon(), &stat) == 0);
    while (stat.clients != 1);
    mproc_shared_unref(worker.queue);
    mproc_shared_unref(worker.counter);
    mproc_shared_unref(worker.lock);
    mproc_shared_unref(worker.dict);
    close_manager();
}

static void *lock_and_leave(void *arg)
{
    return (void *)(intptr_t)mproc_shared_lock_acquire(arg, soon());
}

CHILD_TEST(manager_clients, releases_the_lock_of_a_thread_that_ends)
{
    pthread_t thread;
    void *result = NULL;

    open_manager(entries, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    REQUIRE(pthread_create(&thread, NULL, lock_and_leave, lock) == 0);
    pthread_join(thread, &result);
    CHECK(result == NULL);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == -EOWNERDEAD);
    /* The same by disconnecting. */
    mproc_manager_disconnect(manager);
    CHECK(mproc_shared_lock_release(lock, soon()) == -EPERM);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == -EOWNERDEAD);
    CHECK(mproc_shared_lock_release(lock, soon()) == 0 && mproc_shared_lock_acquire(lock, soon()) == 0);
    mproc_shared_unref(lock);
    close_manager();
}

CHILD_TEST(manager_clients, shares_objects_between_processes)
{
    struct mproc_process *processes[3];
    int64_t count = 0;

    open_manager(entries, NULL);
    struct mproc_shared *counter = open_shared(MPROC_SHARED_COUNTER, NULL);
    for (int i = 0; i < 3; i++)
        processes[i] = start("add_thousand", with_shared(counter), NULL);
    for (int i = 0; i < 3; i++) {
        CHECK(join(processes[i]).code == 0);
        mproc_process_free(processes[i]);
    }
    CHECK(mproc_shared_counter_add(counter, 0, soon(), &count) == 0 && count == 3000);
    mproc_shared_unref(counter);
    close_manager();
}

static int feed(void *user, uint64_t index, struct mproc_args *args)
{
    (void)index;
    return mproc_args_add_shared(args, user);
}

CHILD_TEST(manager_clients, sends_proxies_to_tasks_of_a_pool)
{
    struct mproc_pool *pool;

    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 2}, &pool) == 0);
    CHECK(mproc_pool_map(pool, "add_task", feed, dict, &(struct mproc_map_options){.count = 40}, NULL, NULL,
                         soon()) == 0);
    CHECK(get(dict, "tasks") == 40);
    mproc_pool_free(pool);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager_clients, gives_the_lock_of_a_killed_client_to_the_next_who_is_told)
{
    open_manager(entries, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    struct mproc_shared *said = open_shared(MPROC_SHARED_QUEUE, NULL);
    struct mproc_args *args = with_shared(lock);
    REQUIRE(mproc_args_add_shared(args, said) == 0);
    struct mproc_process *process = start("hold", args, NULL);
    CHECK(take(said, soon()) == 0);
    CHECK(mproc_shared_lock_acquire(lock, MPROC_NOW) == -EAGAIN);
    /* One waits in line and is killed there: it gets nothing, and the one behind it does. */
    args = with_shared(lock);
    REQUIRE(mproc_args_add_shared(args, said) == 0);
    struct mproc_process *waiting = start("hold", args, NULL);
    CHECK(mproc_shared_lock_acquire(lock, mproc_deadline_ms(30)) == -ETIMEDOUT);
    /* As soon as the server has had a moment to read the call. */
    bool is_told = false;
    for (int i = 0; i < 100 && !is_told; i++) {
        CHECK(mproc_shared_lock_acquire(lock, mproc_deadline_ms(20)) == -ETIMEDOUT);
        is_told = strcmp(mproc_error_detail(), "the lock is still held") == 0;
    }
    CHECK(is_told);
    CHECK(mproc_process_kill(waiting) == 0 && join(waiting).signal == SIGKILL);
    CHECK(mproc_process_kill(process) == 0);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == -EOWNERDEAD);
    char expected[128];
    snprintf(expected, sizeof(expected),
             "process %d had the lock and is gone: what it protects may be half changed",
             (int)mproc_process_pid(process));
    CHECK_STR(mproc_error_detail(), expected);
    CHECK(join(process).signal == SIGKILL);
    CHECK(mproc_shared_lock_release(lock, soon()) == 0);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == 0);
    mproc_process_free(process);
    mproc_process_free(waiting);
    mproc_shared_unref(lock);
    mproc_shared_unref(said);
    close_manager();
}

CHILD_TEST(manager_clients, a_fork_has_a_connection_and_locks_of_its_own)
{
    int status = -1;

    open_manager(entries, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool fine = mproc_shared_lock_acquire(lock, MPROC_NOW) == -EAGAIN &&
                    mproc_shared_lock_release(lock, soon()) == -EPERM && set(dict, "child", 1) == 0 &&
                    mproc_manager_stop(manager, MPROC_NOW) == -EPERM;
        mproc_shared_unref(dict);
        mproc_manager_unref(manager); /* which does not end the server of the parent */
        _exit(fine ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(get(dict, "child") == 1);
    CHECK(mproc_shared_lock_release(lock, soon()) == 0);
    mproc_shared_unref(lock);
    mproc_shared_unref(dict);
    close_manager();
}

/* The child has the parent's socket open, and the parent's death is known all the same. */
CHILD_TEST(manager_clients, notices_a_death_where_a_fork_keeps_the_connection_open)
{
    int ends[2], more[2];
    char byte;

    open_manager(entries, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    REQUIRE(pipe(ends) == 0 && pipe(more) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int r = mproc_shared_lock_acquire(lock, soon());
        pid_t grandchild = fork();
        if (grandchild == 0) {
            close(more[1]);
            _exit(read(more[0], &byte, 1) == 0 ? 0 : 1); /* until the test is over */
        }
        byte = r == 0 ? 1 : 0;
        _exit(write(ends[1], &byte, 1) == 1 ? 0 : 1);
    }
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 1);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == -EOWNERDEAD);
    CHECK(waitpid(pid, NULL, 0) == pid);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(more[i]);
    }
    mproc_shared_unref(lock);
    close_manager();
}

static void *get_for_ever(void *arg)
{
    struct mproc_args *values;

    return (void *)(intptr_t)mproc_shared_queue_get(arg, MPROC_FOREVER, &values);
}

/* Waits until this many threads are connected. */
static void await_clients(uint64_t clients)
{
    struct mproc_manager_stat stat = {0};

    do
        REQUIRE(mproc_manager_get_stat(manager, soon(), &stat) == 0);
    while (stat.clients != clients);
}

CHILD_TEST(manager_clients, tells_its_clients_that_it_died)
{
    pthread_t threads[3];
    char expected[128];

    open_manager(entries, NULL);
    struct mproc_shared *queue = open_shared(MPROC_SHARED_QUEUE, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    struct mproc_shared *other = NULL;
    for (int i = 0; i < 3; i++)
        REQUIRE(pthread_create(&threads[i], NULL, get_for_ever, queue) == 0);
    await_clients(4);
    uint64_t begun_ns = mproc_clock_ns();
    CHECK(kill(mproc_manager_pid(manager), SIGKILL) == 0);
    for (int i = 0; i < 3; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        CHECK((intptr_t)result == -EPIPE);
    }
    CHECK(mproc_clock_ns() - begun_ns < UINT64_C(5000000000));
    CHECK(set(dict, "a", 1) == -EPIPE);
    snprintf(expected, sizeof(expected),
             "the manager's server (process %d) has died: all that it kept is gone",
             (int)mproc_manager_pid(manager));
    CHECK_STR(mproc_error_detail(), expected);
    CHECK(set(dict, "a", 1) == -EPIPE);
    CHECK(mproc_shared_open(manager, &(struct mproc_shared_options){0}, soon(), &other) == -EPIPE);
    mproc_shared_unref(queue);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager_clients, tells_its_clients_that_it_ended)
{
    pthread_t thread;
    void *result = NULL;

    open_manager(entries, NULL);
    struct mproc_shared *queue = open_shared(MPROC_SHARED_QUEUE, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    REQUIRE(pthread_create(&thread, NULL, get_for_ever, queue) == 0);
    await_clients(2);
    CHECK(mproc_manager_stop(manager, soon()) == 0);
    pthread_join(thread, &result);
    CHECK((intptr_t)result == -EPIPE);
    CHECK(set(dict, "a", 1) == -EPIPE);
    CHECK(strstr(mproc_error_detail(), "has ended: all that it kept is gone") != NULL);
    CHECK(mproc_manager_stop(manager, soon()) == 0);
    mproc_shared_unref(queue);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager_clients, only_its_owner_stops_it)
{
    struct mproc_args *args = NULL;

    open_manager(entries, NULL);
    REQUIRE(mproc_args_new(&args) == 0 && mproc_args_add_manager(args, manager) == 0);
    struct mproc_process *process = start("stop_it", args, NULL);
    CHECK(join(process).code == 0);
    mproc_process_free(process);
    close_manager();
}

CHILD_TEST(manager_clients, keeps_deadlines_while_the_server_is_stopped)
{
    int64_t value = 0;
    struct mproc_args *values = NULL;

    open_manager(entries, NULL);
    struct mproc_shared *counter = open_shared(MPROC_SHARED_COUNTER, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    struct mproc_shared *queue = open_shared(MPROC_SHARED_QUEUE, NULL);
    CHECK(put(queue, 1, soon()) == 0);
    kill(mproc_manager_pid(manager), SIGSTOP);
    child_await_stopped(mproc_manager_pid(manager));
    CHECK(mproc_shared_counter_add(counter, 1, mproc_deadline_ms(20), &value) == -ETIMEDOUT);
    CHECK(strstr(mproc_error_detail(), "did not answer in time: it is stopped") != NULL);
    CHECK(mproc_shared_lock_acquire(lock, mproc_deadline_ms(20)) == -ETIMEDOUT);
    CHECK(mproc_shared_queue_get(queue, mproc_deadline_ms(20), &values) == -ETIMEDOUT);
    CHECK(strstr(mproc_error_detail(), "did not answer in time: it is stopped") != NULL);
    /* So many that the socket is full. */
    for (int i = 0; i < 2000; i++)
        CHECK(mproc_shared_counter_add(counter, 1, mproc_clock_ns() + 1000, &value) == -ETIMEDOUT);
    kill(mproc_manager_pid(manager), SIGCONT);
    /* Requests that came too late were not made; what was granted to a call that gave up was not lost. */
    CHECK(mproc_shared_counter_add(counter, 0, soon(), &value) == 0 && value == 0);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == 0);
    CHECK(take(queue, soon()) == 1);
    mproc_shared_unref(queue);
    mproc_shared_unref(lock);
    mproc_shared_unref(counter);
    close_manager();
}

/* The answer came, and the client has no use for it any more: as when it gives up at that very moment. */
CHILD_TEST(manager_clients, what_was_granted_to_a_call_that_gave_up_goes_to_the_next)
{
    open_manager(entries, NULL);
    struct mproc_shared *queue = open_shared(MPROC_SHARED_QUEUE, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    CHECK(put(queue, 1, soon()) == 0 && put(queue, 2, soon()) == 0);
    CHECK(take(queue, soon()) == 1);
    mproc_manager_undo((struct manager_access *)queue);
    CHECK(take(queue, soon()) == 1);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == 0);
    mproc_manager_undo((struct manager_access *)lock);
    CHECK(mproc_shared_lock_acquire(lock, MPROC_NOW) == 0);
    /* What came before the last call stays as it is. */
    CHECK(take(queue, soon()) == 2);
    mproc_manager_undo((struct manager_access *)queue);
    CHECK(mproc_shared_lock_acquire(lock, MPROC_NOW) == -EDEADLK);
    CHECK(take(queue, soon()) == 2);
    mproc_shared_unref(queue);
    mproc_shared_unref(lock);
    close_manager();
}

static int wait_for_lock(void *arg)
{
    return mproc_shared_lock_acquire(arg, MPROC_FOREVER);
}

CHILD_TEST(manager_clients, a_stop_ends_a_wait_and_lets_one_give_back)
{
    struct mproc_thread_result result = {0};
    struct mproc_thread *thread;

    open_manager(entries, NULL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    struct mproc_shared *queue = open_shared(MPROC_SHARED_QUEUE, NULL);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == 0 && put(queue, 5, soon()) == 0);
    REQUIRE(mproc_thread_start("waiter", wait_for_lock, lock, NULL, &thread) == 0);
    await_clients(2);
    mproc_thread_ask(thread);
    CHECK(mproc_thread_join(thread, soon(), &result) == 0 && result.result == -ECANCELED);
    mproc_thread_free(thread);
    /* Stopped itself, this thread gets what is there, waits for nothing, and gives back what it has. */
    struct mproc_stop *stop;
    REQUIRE(mproc_stop_new(NULL, &stop) == 0);
    struct mproc_stop *before = mproc_stop_enter(stop);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    CHECK(take(queue, soon()) == 5);
    CHECK(mproc_shared_queue_get(queue, soon(), &(struct mproc_args *){NULL}) == -ECANCELED);
    CHECK(mproc_shared_lock_release(lock, soon()) == 0);
    mproc_stop_enter(before);
    mproc_stop_unref(stop);
    CHECK(mproc_shared_lock_acquire(lock, MPROC_NOW) == 0);
    mproc_shared_unref(lock);
    mproc_shared_unref(queue);
    close_manager();
}

CHILD_TEST(manager_clients, who_waits_for_what_is_removed_is_told)
{
    pthread_t thread;
    void *result = NULL;

    open_manager(entries, NULL);
    struct mproc_shared *queue = open_shared(MPROC_SHARED_QUEUE, NULL);
    REQUIRE(pthread_create(&thread, NULL, get_for_ever, queue) == 0);
    await_clients(2);
    CHECK(mproc_shared_remove(queue, soon()) == 0);
    pthread_join(thread, &result);
    CHECK((intptr_t)result == -ENOENT);
    mproc_shared_unref(queue);
    close_manager();
}

/* Gone, or about to be reaped. */
static bool has_ended(pid_t pid)
{
    char path[40], state = 'Z';

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    if (file)
        fclose(file);
    return state == 'Z';
}

CHILD_TEST(manager_clients, ends_with_its_last_reference_and_with_its_context)
{
    open_manager(entries, NULL);
    pid_t pid = mproc_manager_pid(manager);
    CHECK(mproc_manager_ref(manager) == manager);
    mproc_manager_unref(manager);
    CHECK(!has_ended(pid));
    mproc_manager_unref(manager);
    CHECK(has_ended(pid));
    REQUIRE(mproc_manager_start(context, NULL, &manager) == 0);
    pid = mproc_manager_pid(manager);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(has_ended(pid));
    mproc_manager_unref(manager);
    CHECK(child_count_fds() == fds);
}

CHILD_TEST(manager_clients, a_warm_shutdown_does_not_end_it)
{
    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    struct mproc_process *active[4];
    REQUIRE(mproc_process_active(context, active, 4) == 1);
    CHECK(mproc_process_ask(active[0]) == 0);
    CHECK(set(dict, "a", 1) == 0 && get(dict, "a") == 1);
    mproc_process_free(active[0]);
    mproc_shared_unref(dict);
    close_manager();
}
