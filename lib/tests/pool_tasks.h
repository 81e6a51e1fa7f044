/* Tasks for tests of pools, and a pool to run them. */
#ifndef MPROC_TEST_POOL_TASKS_H
#define MPROC_TEST_POOL_TASKS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/pool.h>
#include <mproc/queue.h>
#include <mproc/shutdown.h>
#include <mproc/stop.h>
#include <mproc/sync.h>
#include <mproc/thread.h>

#include "child.h"

enum { WAIT_MS = 20000 };

static inline int square(struct mproc_args *args)
{
    int64_t number;
    int r = mproc_args_get_int(args, 0, &number);

    return r ? r : mproc_args_add_int(mproc_task_result(), number * number);
}

static inline int add_all(struct mproc_args *args)
{
    int64_t sum = 0, number;

    for (size_t i = 0; i < mproc_args_count(args); i++) {
        int r = mproc_args_get_int(args, i, &number);
        if (r)
            return r;
        sum += number;
    }
    return mproc_args_add_int(mproc_task_result(), sum);
}

/* Gives back the string that came, so many times. */
static inline int repeat(struct mproc_args *args)
{
    const char *string;
    int64_t times;

    if (mproc_args_get_string(args, 0, &string) || mproc_args_get_int(args, 1, &times))
        return -EINVAL;
    for (int64_t i = 0; i < times; i++)
        mproc_args_add_string(mproc_task_result(), string);
    return 0;
}

static inline int fail(struct mproc_args *args)
{
    int64_t number;

    return mproc_args_get_int(args, 5, &number);
}

static inline int return_it(struct mproc_args *args)
{
    int64_t number = 0;

    mproc_args_get_int(args, 0, &number);
    return (int)number;
}

static inline int die(struct mproc_args *args)
{
    int64_t signo = SIGKILL;

    mproc_args_get_int(args, 0, &signo);
    raise((int)signo);
    return 0;
}

static inline int leave(struct mproc_args *args)
{
    (void)args;
    exit(3);
    return 0;
}

/* Dies for numbers that end in 7 as long as this is not a later attempt than told. */
static inline int die_at_seven(struct mproc_args *args)
{
    int64_t number, deaths;

    if (mproc_args_get_int(args, 0, &number) || mproc_args_get_int(args, 1, &deaths))
        return -EINVAL;
    if (number % 10 == 7 && (int64_t)mproc_task_attempt() <= deaths)
        raise(SIGKILL);
    mproc_args_add_int(mproc_task_result(), number);
    return mproc_args_add_uint(mproc_task_result(), mproc_task_attempt());
}

static inline int hang(struct mproc_args *args)
{
    (void)args;
    while (pause())
        ;
    return 0;
}

static inline int wait_politely(struct mproc_args *args)
{
    (void)args;
    return mproc_stop_sleep(MPROC_FOREVER);
}

static inline int put_pid(struct mproc_args *args)
{
    struct mproc_queue *queue;
    pid_t pid = getpid();
    int r = mproc_args_get_queue(args, 0, &queue);

    if (r)
        return r;
    r = mproc_queue_put(queue, &pid, sizeof(pid), mproc_deadline_ms(WAIT_MS));
    mproc_queue_unref(queue);
    return r;
}

/* Tells that it runs, and hangs. */
static inline int tell_and_hang(struct mproc_args *args)
{
    put_pid(args);
    return hang(args);
}

static inline int make_pipe(struct mproc_args *args)
{
    int ends[2];

    (void)args;
    if (pipe2(ends, O_CLOEXEC) || write(ends[1], "hello", 5) != 5)
        return -errno;
    int r = mproc_args_add_fd(mproc_task_result(), ends[0]);
    close(ends[0]);
    close(ends[1]);
    return r;
}

static inline int read_fd(struct mproc_args *args)
{
    char text[16];
    int fd;
    int r = mproc_args_get_fd(args, 0, &fd);

    if (r)
        return r;
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    return len < 0 ? -errno : mproc_args_add_bytes(mproc_task_result(), text, (size_t)len);
}

/* They are not its own. */
static inline int free_args(struct mproc_args *args)
{
    for (int i = 0; i < 2; i++)
        mproc_args_free(args);
    return mproc_args_count(args) == 0 ? mproc_args_add_int(mproc_task_result(), getpid()) : -EBADF;
}

static inline int set_state(struct mproc_args *args)
{
    static int64_t state;
    int r = mproc_args_get_int(args, 0, &state);

    mproc_task_set_state(&state);
    return r;
}

static inline int tell_state(struct mproc_args *args)
{
    (void)args;
    mproc_args_add_int(mproc_task_result(), *(int64_t *)mproc_task_state());
    mproc_args_add_int(mproc_task_result(), mproc_task_worker());
    return mproc_args_add_int(mproc_task_result(), getpid());
}

static struct mproc_queue *exit_queue;

static inline int keep_queue(struct mproc_args *args)
{
    return mproc_args_get_queue(args, 0, &exit_queue);
}

static inline int say_goodbye(struct mproc_args *args)
{
    (void)args;
    mproc_queue_put(exit_queue, "bye", 3, mproc_deadline_ms(WAIT_MS));
    mproc_queue_unref(exit_queue);
    return 0;
}

/* Says in the second queue that it runs, and does so until there is a message in the first. */
static inline int hold(struct mproc_args *args)
{
    struct mproc_queue *release, *begun;
    char one;
    size_t len;

    if (mproc_args_get_queue(args, 0, &release) || mproc_args_get_queue(args, 1, &begun))
        return -EINVAL;
    int r = mproc_queue_put(begun, "x", 1, mproc_deadline_ms(WAIT_MS));
    if (r == 0)
        r = mproc_queue_get_into(release, mproc_deadline_ms(WAIT_MS), sizeof(one), &one, &len);
    mproc_queue_unref(release);
    mproc_queue_unref(begun);
    return r;
}

/* An init hook: each message is a death. */
static inline int be_killed(struct mproc_args *args)
{
    struct mproc_queue *deaths;
    char one;
    size_t len;

    if (mproc_args_get_queue(args, 0, &deaths))
        return 1;
    if (mproc_queue_get_into(deaths, MPROC_NOW, sizeof(one), &one, &len) == 0)
        kill(getpid(), SIGKILL);
    mproc_queue_unref(deaths);
    return 0;
}

static inline int grow(struct mproc_args *args)
{
    size_t size = (size_t)64 << 20;
    (void)args;
    volatile char *memory = malloc(size);
    if (!memory)
        return -ENOMEM;
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    return mproc_args_add_int(mproc_task_result(), getpid());
}

static inline int tell_cpu(struct mproc_args *args)
{
    cpu_set_t set;

    (void)args;
    sched_getaffinity(0, sizeof(set), &set);
    mproc_args_add_int(mproc_task_result(), CPU_COUNT(&set));
    return mproc_args_add_int(mproc_task_result(), CPU_ISSET((size_t)sched_getcpu(), &set));
}

/* Is busy for so many nanoseconds, and tells for how many it was. */
static inline int spin(struct mproc_args *args)
{
    uint64_t begin_ns = mproc_clock_ns(), now_ns = begin_ns;
    int64_t least_ns = 0;

    mproc_args_get_int(args, 0, &least_ns);
    while (now_ns - begin_ns < (uint64_t)least_ns)
        now_ns = mproc_clock_ns();
    return mproc_args_add_int(mproc_task_result(), (int64_t)(now_ns - begin_ns));
}

static const struct mproc_entry entries[] = {{"square", square},
                                             {"add_all", add_all},
                                             {"repeat", repeat},
                                             {"fail", fail},
                                             {"return_it", return_it},
                                             {"die", die},
                                             {"leave", leave},
                                             {"die_at_seven", die_at_seven},
                                             {"hang", hang},
                                             {"wait_politely", wait_politely},
                                             {"put_pid", put_pid},
                                             {"tell_and_hang", tell_and_hang},
                                             {"make_pipe", make_pipe},
                                             {"read_fd", read_fd},
                                             {"free_args", free_args},
                                             {"set_state", set_state},
                                             {"tell_state", tell_state},
                                             {"keep_queue", keep_queue},
                                             {"say_goodbye", say_goodbye},
                                             {"hold", hold},
                                             {"be_killed", be_killed},
                                             {"grow", grow},
                                             {"tell_cpu", tell_cpu},
                                             {"spin", spin},
                                             {NULL, NULL}};

static struct mproc_context *context;
static struct mproc_pool *pool;

static inline void open_pool(const struct mproc_pool_options *options)
{
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    REQUIRE(mproc_pool_create(context, options, &pool) == 0);
}

/* Whatever a test did, the pool comes to its end in time and leaves nothing. */
static inline void close_pool(void)
{
    CHECK(mproc_pool_close(pool) == 0);
    CHECK(mproc_pool_join(pool, mproc_deadline_ms(WAIT_MS)) == 0);
    mproc_pool_free(pool);
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static inline struct mproc_args *args_of(int64_t number)
{
    struct mproc_args *args;

    REQUIRE(mproc_args_new(&args) == 0);
    mproc_args_add_int(args, number);
    return args;
}

static inline struct mproc_future *submit(const char *entry, int64_t number,
                                          const struct mproc_task_options *options)
{
    struct mproc_args *args = args_of(number);
    struct mproc_future *future = NULL;

    REQUIRE(mproc_pool_submit(pool, entry, args, options, mproc_deadline_ms(WAIT_MS), &future) == 0);
    mproc_args_free(args);
    return future;
}

static inline int64_t int_of(const struct mproc_args *values, size_t index)
{
    int64_t number = -1;

    if (values)
        mproc_args_get_int(values, index, &number);
    return number;
}

static inline struct mproc_result wait_for(struct mproc_future *future)
{
    struct mproc_result result = {0};

    REQUIRE(mproc_future_wait(future, mproc_deadline_ms(WAIT_MS), &result) == 0);
    return result;
}

static inline int feed_numbers(void *user, uint64_t index, struct mproc_args *args)
{
    const int64_t *deaths = user;

    mproc_args_add_uint(args, index);
    return mproc_args_add_int(args, *deaths);
}

struct tally {
    uint64_t next;
    uint64_t done, died;
    uint64_t sum;
    bool in_order;
};

static inline void count_result(void *user, const struct mproc_result *result)
{
    struct tally *tally = user;

    tally->in_order = tally->in_order && result->index == tally->next;
    tally->next++;
    tally->done += result->outcome == MPROC_OUTCOME_DONE;
    tally->died += result->outcome == MPROC_OUTCOME_DIED && result->status.signal == SIGKILL;
    if (result->outcome == MPROC_OUTCOME_DONE) {
        CHECK(int_of(result->values, 0) == (int64_t)result->index);
        tally->sum += result->index;
    }
}

static inline void map_numbers(const struct mproc_map_options *options, int64_t deaths,
                               struct tally *ret_tally, int expected)
{
    *ret_tally = (struct tally){.in_order = true};
    int r = mproc_pool_map(pool, "die_at_seven", feed_numbers, &deaths, options, count_result, ret_tally,
                           mproc_deadline_ms(WAIT_MS));
    CHECK(r == expected);
}

#endif
