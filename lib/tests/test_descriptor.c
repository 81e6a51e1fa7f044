/* A program that has closed its standard descriptors, as daemons do, never finds one of the library's in
 * their place: what it prints would go there. */
#include <mproc/event.h>
#include <mproc/log.h>
#include <mproc/manager.h>
#include <mproc/pipe.h>
#include <mproc/pool.h>
#include <mproc/queue.h>

#include "starting.h"

TestSuite(descriptor, .timeout = 60);

static int speak(struct mproc_args *args)
{
    (void)args;
    puts("what a worker has to say");
    return 0;
}

static const struct mproc_entry entries[] = {{"speak", speak}, {NULL, NULL}};

static uint64_t soon(void)
{
    return mproc_deadline_ms(20000);
}

static bool none_is_standard(void)
{
    return fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
}

static void start_by_all_methods(void)
{
    const enum mproc_start_method methods[] = {MPROC_START_FORKSERVER, MPROC_START_FORK};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct mproc_process *process =
            start("speak", NULL, &(struct mproc_process_options){.method = methods[i]});
        CHECK(none_is_standard());
        CHECK(join(process).code == 0);
        mproc_process_free(process);
    }
}

static void use_pool_and_manager(void)
{
    struct mproc_manager *manager;
    struct mproc_shared *counter;
    struct mproc_pool *pool;
    int64_t count = 0;

    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 2}, &pool) == 0);
    CHECK(mproc_pool_apply(pool, "speak", NULL, NULL, soon(), NULL) == 0);
    CHECK(none_is_standard());
    REQUIRE(mproc_manager_start(context, NULL, &manager) == 0);
    REQUIRE(mproc_shared_open(manager, &(struct mproc_shared_options){.kind = MPROC_SHARED_COUNTER}, soon(),
                              &counter) == 0);
    CHECK(mproc_shared_counter_add(counter, 3, soon(), &count) == 0 && count == 3);
    CHECK(none_is_standard());
    mproc_shared_unref(counter);
    CHECK(mproc_manager_stop(manager, soon()) == 0);
    mproc_manager_unref(manager);
    mproc_pool_free(pool);
}

static void send_handles(void)
{
    struct mproc_pipe *ends[2], *client, *server;
    struct mproc_listener *listener;
    struct mproc_args *args;
    struct mproc_queue *queue;

    REQUIRE(mproc_queue_create(NULL, &queue) == 0 && mproc_pipe_create(NULL, &ends[0], &ends[1]) == 0);
    REQUIRE(mproc_args_new(&args) == 0 && mproc_args_add_queue(args, queue) == 0);
    CHECK(mproc_pipe_send_args(ends[0], args, soon()) == 0);
    mproc_args_free(args);
    CHECK(mproc_pipe_receive_args(ends[1], soon(), &args) == 0);
    CHECK(none_is_standard());
    mproc_args_free(args);
    REQUIRE(mproc_listener_open(NULL, &listener) == 0);
    CHECK(mproc_pipe_connect(mproc_listener_address(listener), NULL, soon(), &client) == 0);
    CHECK(mproc_listener_accept(listener, soon(), &server) == 0);
    CHECK(none_is_standard());
    mproc_pipe_unref(client);
    mproc_pipe_unref(server);
    mproc_listener_close(listener);
    mproc_pipe_unref(ends[0]);
    mproc_pipe_unref(ends[1]);
    mproc_queue_unref(queue);
}

CHILD_TEST(descriptor, of_the_library_is_never_a_standard_one)
{
    struct mproc_event *event;
    struct mproc_log *log;

    fflush(NULL);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    open_context(entries);
    CHECK(none_is_standard());
    REQUIRE(mproc_event_create(&event) == 0 && mproc_log_create(NULL, &log) == 0);
    CHECK(none_is_standard());
    send_handles();
    start_by_all_methods();
    use_pool_and_manager();
    mproc_log_unref(log);
    mproc_event_unref(event);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(none_is_standard());
}
