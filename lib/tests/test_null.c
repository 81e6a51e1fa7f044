/* A NULL where a handle is wanted is an error that says so, of which the program does not die. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <mproc/context.h>
#include <mproc/limits.h>
#include <mproc/log.h>
#include <mproc/manager.h>
#include <mproc/pipe.h>
#include <mproc/pool.h>
#include <mproc/queue.h>
#include <mproc/shm.h>
#include <mproc/shutdown.h>
#include <mproc/sync.h>
#include <mproc/thread.h>

#include "child.h"

TestSuite(null, .timeout = 20);

static int do_nothing(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static const struct mproc_entry entries[] = {{"nothing", do_nothing}, {NULL, NULL}};

#define REFUSED(call)                                                                                        \
    do {                                                                                                     \
        if (CHECK((call) == -EINVAL))                                                                        \
            CHECK(strstr(mproc_error_detail(), "NULL"));                                                     \
    } while (0)

CHILD_TEST(null, processes_pools_and_threads)
{
    struct mproc_context_info info;
    struct mproc_process *process;
    struct mproc_thread_result ended;
    struct mproc_pool_stat stat;
    struct mproc_future *future;
    struct mproc_result result;
    struct mproc_status status;
    struct mproc_pool *pool;
    struct mproc_map *map;

    REFUSED(mproc_process_start(NULL, "nothing", NULL, NULL, &process));
    REFUSED(mproc_context_get_info(NULL, &info));
    REFUSED(mproc_process_join(NULL, MPROC_NOW, &status));
    REFUSED(mproc_process_sentinel(NULL));
    REFUSED(mproc_process_ask(NULL));
    REFUSED(mproc_process_kill(NULL));
    REFUSED(mproc_process_stop(NULL, NULL, &status));
    CHECK(!mproc_process_alive(NULL) && mproc_process_pid(NULL) == 0 && !mproc_process_ref(NULL));
    CHECK_STR(mproc_process_name(NULL), "");
    CHECK(mproc_process_active(NULL, NULL, 0) == 0);
    REFUSED(mproc_status_check(NULL));
    REFUSED(mproc_pool_create(NULL, NULL, &pool));
    REFUSED(mproc_pool_submit(NULL, "nothing", NULL, NULL, MPROC_NOW, &future));
    REFUSED(mproc_pool_imap(NULL, "nothing", NULL, NULL, NULL, &map));
    REFUSED(mproc_pool_close(NULL));
    REFUSED(mproc_pool_join(NULL, MPROC_NOW));
    REFUSED(mproc_pool_terminate(NULL, MPROC_NOW));
    REFUSED(mproc_pool_get_stat(NULL, &stat));
    REFUSED(mproc_future_wait(NULL, MPROC_NOW, &result));
    REFUSED(mproc_future_cancel(NULL));
    REFUSED(mproc_map_next(NULL, MPROC_NOW, &result));
    REFUSED(mproc_thread_join(NULL, MPROC_NOW, &ended));
    mproc_thread_ask(NULL);
    CHECK(mproc_thread_token(NULL) == NULL);
    REFUSED(mproc_limits_preflight(NULL));
}

CHILD_TEST(null, arguments)
{
    const struct mproc_queue *none = NULL;
    struct mproc_args *args;
    int64_t number;
    int fd;

    REFUSED(mproc_args_add_int(NULL, 1));
    REFUSED(mproc_args_add_string(NULL, "text"));
    REFUSED(mproc_args_add_fd(NULL, 0));
    REFUSED(mproc_args_add_map(NULL, 1));
    REFUSED(mproc_args_add_queue(NULL, none));
    REFUSED(mproc_args_get_int(NULL, 0, &number));
    REFUSED(mproc_args_get_fd(NULL, 0, &fd));
    CHECK(mproc_args_count(NULL) == 0 && mproc_args_value(NULL, 0) == NULL);
    CHECK(mproc_value_type(NULL) == MPROC_TYPE_NIL);
    mproc_args_clear(NULL);
    REQUIRE(mproc_args_new(&args) == 0);
    REFUSED(mproc_args_add_queue(args, none));
    mproc_args_free(args);
}

CHILD_TEST(null, queues_pipes_and_logs)
{
    struct mproc_log_listener *listener;
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_STDERR};
    struct mproc_queue_stat stat;
    struct mproc_log_stat log_stat;
    struct mproc_pipe *pipe;
    void *data;
    size_t len;

    REFUSED(mproc_queue_put(NULL, "x", 1, MPROC_NOW));
    REFUSED(mproc_queue_get(NULL, MPROC_NOW, &data, &len));
    REFUSED(mproc_queue_done(NULL, MPROC_NOW));
    REFUSED(mproc_queue_join(NULL, MPROC_NOW));
    REFUSED(mproc_queue_close(NULL, MPROC_NOW));
    CHECK(mproc_queue_ref(NULL) == NULL);
    mproc_queue_stat(NULL, &stat);
    CHECK(stat.closed);
    REFUSED(mproc_pipe_connect(NULL, NULL, MPROC_NOW, &pipe));
    REFUSED(mproc_pipe_send(NULL, "x", 1, MPROC_NOW));
    REFUSED(mproc_pipe_receive(NULL, MPROC_NOW, &data, &len));
    REFUSED(mproc_listener_accept(NULL, MPROC_NOW, &pipe));
    REFUSED(mproc_log_info(NULL, "text"));
    REFUSED(mproc_log_flush(NULL, MPROC_NOW));
    REFUSED(mproc_log_get_stat(NULL, &log_stat));
    REFUSED(mproc_log_listen(NULL, &handler, 1, NULL, &listener));
    mproc_log_set_name(NULL, "name");
}

CHILD_TEST(null, locks_and_what_is_shared)
{
    struct mproc_shared *shared = NULL;
    uint64_t size;

    REFUSED(mproc_mutex_lock(NULL, MPROC_NOW));
    REFUSED(mproc_mutex_unlock(NULL));
    REFUSED(mproc_rlock_lock(NULL, MPROC_NOW));
    REFUSED(mproc_rwlock_read(NULL, MPROC_NOW));
    REFUSED(mproc_semaphore_acquire(NULL, MPROC_NOW));
    REFUSED(mproc_semaphore_release(NULL));
    REFUSED(mproc_condition_notify(NULL, 1));
    REFUSED(mproc_barrier_wait(NULL, MPROC_NOW, NULL));
    REFUSED(mproc_event_set(NULL));
    REFUSED(mproc_shm_lock(NULL, MPROC_NOW));
    mproc_mutex_set_repair(NULL, NULL, NULL);
    mproc_rlock_set_repair(NULL, NULL, NULL);
    mproc_rwlock_set_repair(NULL, NULL, NULL);
    mproc_semaphore_set_repair(NULL, NULL, NULL);
    mproc_shm_set_repair(NULL, NULL, NULL);
    REFUSED(mproc_shared_size(shared, MPROC_NOW, &size));
    REFUSED(mproc_shared_remove(shared, MPROC_NOW));
    CHECK(mproc_shared_kind(shared) == MPROC_SHARED__COUNT);
}

/* Beside NULLs: what no call of the library makes, or lets through. */
CHILD_TEST(null, a_status_and_an_environment_that_are_wrong)
{
    const struct mproc_status made_up = {.end = MPROC_END_EXIT, .step = (enum mproc_step)99};
    static const char *const nameless[][3] = {{"A=1", "=bad", NULL}, {"", NULL, NULL}};
    struct mproc_context *context;
    struct mproc_process *process;
    char text[96];

    CHECK_STR(mproc_status_describe(&made_up, text, sizeof(text)), "exit code 0");
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    for (int i = 0; i < 2; i++) {
        const struct mproc_process_options options = {.env = nameless[i]};
        CHECK(mproc_process_start(context, "nothing", NULL, &options, &process) == -EINVAL);
        CHECK(strstr(mproc_error_detail(), "environment"));
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}
