/* Objects of <mproc/sync.h> on their way to processes, and what becomes of them when these die. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/stop.h>
#include <mproc/sync.h>

#include "child.h"

TestSuite(sync_travel, .timeout = 60);

enum { WAKE_MS = 10000 };

static int set_event(struct mproc_args *args)
{
    struct mproc_event *event;

    return mproc_args_get_event(args, 0, &event) || mproc_event_set(event);
}

/* Does not even look at what it was given. */
static int die_at_once(struct mproc_args *args)
{
    (void)args;
    raise(SIGKILL);
    return 0;
}

static int end_at_once(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static int sleep_on(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER) ? 0 : 1;
}

static int take_twice(struct mproc_args *args)
{
    struct mproc_event *event;
    struct mproc_mutex *mutex;
    struct mproc_queue *queue;

    CHECK(mproc_args_get_mutex(args, 0, &mutex) == -EINVAL);
    CHECK(mproc_args_get_queue(args, 0, &queue) == -EINVAL);
    CHECK(mproc_args_get_event(args, 7, &event) == -ENOENT);
    CHECK(mproc_args_get_event(args, 1, &event) == -EINVAL);
    CHECK(mproc_args_get_event(args, 0, &event) == 0);
    CHECK(mproc_event_withdraw(event) == 0);
    mproc_event_unref(event);
    CHECK(mproc_args_get_event(args, 0, &event) == -ENOENT);
    return child_failures;
}

static int put_into_queue(struct mproc_args *args)
{
    struct mproc_queue *queue;

    return mproc_args_get_queue(args, 0, &queue) || mproc_queue_put(queue, "x", 1, MPROC_NOW);
}

static const struct mproc_entry entries[] = {
    {"set_event", set_event},
    {"die_at_once", die_at_once},
    {"end_at_once", end_at_once},
    {"take_twice", take_twice},
    {"put_into_queue", put_into_queue},
    {"sleep", sleep_on},
    {NULL, NULL},
};

static struct mproc_context *open_context(void)
{
    struct mproc_context *context;

    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    return context;
}

static struct mproc_process *start(struct mproc_context *context, const char *entry, struct mproc_args *args)
{
    struct mproc_process *process;

    REQUIRE(mproc_process_start(context, entry, args, NULL, &process) == 0);
    mproc_args_free(args);
    return process;
}

/* Joins, and gives the exit status. */
static int finish(struct mproc_process *process)
{
    struct mproc_status status = {0};

    REQUIRE(mproc_process_join(process, mproc_deadline_ms(WAKE_MS), &status) == 0);
    mproc_process_free(process);
    return status.code;
}

static struct mproc_args *args_with_event(struct mproc_event *event, bool promise)
{
    struct mproc_args *args;

    REQUIRE(mproc_args_new(&args) == 0);
    REQUIRE((promise ? mproc_args_add_event_promise(args, event) : mproc_args_add_event(args, event)) == 0);
    REQUIRE(mproc_args_add_int(args, 1) == 0);
    return args;
}

CHILD_TEST(sync_travel, an_event_is_set_by_a_worker)
{
    struct mproc_context *context = open_context();
    struct mproc_event *event;

    REQUIRE(mproc_event_create(&event) == 0);
    for (int promise = 0; promise < 2; promise++) {
        struct mproc_process *process = start(context, "set_event", args_with_event(event, promise));
        CHECK(mproc_event_wait(event, mproc_deadline_ms(WAKE_MS)) == 0);
        CHECK(finish(process) == 0);
        CHECK(mproc_event_clear(event) == 0);
    }
    mproc_event_unref(event);
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAKE_MS)) == 0);
}

CHILD_TEST(sync_travel, a_promise_arrives_before_its_worker_can_die)
{
    static const char *const fates[] = {"die_at_once", "end_at_once"};
    struct mproc_context *context = open_context();
    struct mproc_event *event;

    for (int i = 0; i < 40; i++) {
        REQUIRE(mproc_event_create(&event) == 0);
        struct mproc_process *process = start(context, fates[i % 2], args_with_event(event, true));
        CHECK(mproc_event_wait(event, mproc_deadline_ms(WAKE_MS)) == -EOWNERDEAD);
        finish(process);
        mproc_event_unref(event);
    }
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAKE_MS)) == 0);
}

CHILD_TEST(sync_travel, an_event_is_taken_once_and_as_what_it_is)
{
    struct mproc_context *context = open_context();
    struct mproc_event *event;

    REQUIRE(mproc_event_create(&event) == 0);
    CHECK(finish(start(context, "take_twice", args_with_event(event, true))) == 0);
    CHECK(mproc_event_wait(event, MPROC_NOW) == -EAGAIN);
    mproc_event_unref(event);
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAKE_MS)) == 0);
}

CHILD_TEST(sync_travel, a_start_fails_where_a_promise_has_no_room)
{
    struct mproc_context *context = open_context();
    struct mproc_process *processes[MPROC_EVENT_PROMISES_MAX];
    struct mproc_process *process;
    struct mproc_event *event;
    struct mproc_args *args;

    REQUIRE(mproc_event_create(&event) == 0);
    for (int i = 0; i < MPROC_EVENT_PROMISES_MAX; i++)
        processes[i] = start(context, "sleep", args_with_event(event, true));
    args = args_with_event(event, true);
    CHECK(mproc_process_start(context, "end_at_once", args, NULL, &process) == -EUSERS);
    CHECK(strstr(mproc_error_detail(), "promised") != NULL);
    mproc_args_free(args);
    for (int i = 0; i < MPROC_EVENT_PROMISES_MAX; i++) {
        mproc_process_kill(processes[i]);
        finish(processes[i]);
    }
    mproc_event_unref(event);
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAKE_MS)) == 0);
}

CHILD_TEST(sync_travel, a_queue_that_redelivers_travels)
{
    struct mproc_context *context = open_context();
    struct mproc_queue *queue;
    struct mproc_args *args;
    char byte;
    size_t len;

    REQUIRE(mproc_queue_create(&(struct mproc_queue_options){.reader_death = MPROC_READER_DEATH_REDELIVERS},
                               &queue) == 0);
    REQUIRE(mproc_args_new(&args) == 0);
    REQUIRE(mproc_args_add_queue(args, queue) == 0);
    CHECK(finish(start(context, "put_into_queue", args)) == 0);
    CHECK(mproc_queue_get_into(queue, MPROC_NOW, 1, &byte, &len) == 0);
    mproc_queue_unref(queue);
    CHECK(mproc_context_close(context, mproc_deadline_ms(WAKE_MS)) == 0);
}
