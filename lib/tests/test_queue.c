#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/queue.h>
#include <mproc/stop.h>

#include "queue_internal.h"
#include "sleeper.h"

static struct mproc_queue *new_queue(struct mproc_queue_options options)
{
    struct mproc_queue *queue;

    cr_assert_eq(mproc_queue_create(&options, &queue), 0, "%s", mproc_error_detail());
    return queue;
}

static void fill(unsigned char *data, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)(seed + i * 7 + (i >> 8));
}

static void put_text(struct mproc_queue *queue, const char *text)
{
    cr_assert_eq(mproc_queue_put(queue, text, strlen(text) + 1, MPROC_NOW), 0, "%s", mproc_error_detail());
}

static void expect_text(struct mproc_queue *queue, const char *text)
{
    void *data;
    size_t len;

    cr_assert_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), 0, "%s", mproc_error_detail());
    cr_assert_eq(len, strlen(text) + 1);
    cr_assert_str_eq(data, text);
    free(data);
}

Test(queue, keeps_order, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    void *data;
    size_t len;

    cr_assert_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), -EAGAIN);
    put_text(queue, "one");
    put_text(queue, "two");
    expect_text(queue, "one");
    put_text(queue, "three");
    expect_text(queue, "two");
    expect_text(queue, "three");
    cr_assert_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), -EAGAIN);
    cr_assert_eq(mproc_queue_ref(queue), queue);
    mproc_queue_unref(queue);
    mproc_queue_unref(queue);
    mproc_queue_unref(NULL);
}

/* Through a ring of one page and around it many times, whole and by pieces, small and by the large area. */
Test(queue, carries_any_size, .timeout = 30)
{
    static const size_t sizes[] = {0,    1,    7,    8,    9,    63,   64,    1000,  1015,   1016,
                                   1017, 1024, 1025, 4095, 4096, 4097, 10000, 65536, 1 << 20};
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    unsigned char *sent = malloc(1 << 20);

    for (unsigned round = 0; round < 300; round++) {
        size_t size = sizes[(round * 7) % (sizeof(sizes) / sizeof(sizes[0]))];
        size_t len;
        void *data;
        fill(sent, size, round);
        cr_assert_eq(mproc_queue_put(queue, "before", 6, MPROC_NOW), 0);
        cr_assert_eq(mproc_queue_put(queue, sent, size, MPROC_NOW), 0, "%zu: %s", size, mproc_error_detail());
        cr_assert_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), 0);
        cr_assert_eq(len, 6);
        free(data);
        cr_assert_eq(mproc_queue_get(queue, MPROC_NOW, &data, &len), 0);
        cr_assert_eq(len, size);
        cr_assert_eq(memcmp(data, sent, size), 0, "%zu bytes", size);
        free(data);
    }
    free(sent);
    mproc_queue_unref(queue);
}

Test(queue, holds_what_it_was_made_for_then_says_full, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    unsigned char data[56] = {0};
    struct mproc_queue_stat stat;
    uint64_t deadline_ns;
    size_t len;
    int count = 0;

    while (mproc_queue_put(queue, data, sizeof(data), MPROC_NOW) == 0)
        count++;
    cr_assert_eq(count, 4096 / 64);
    cr_assert_not_null(strstr(mproc_error_detail(), "full"));
    deadline_ns = mproc_deadline_ms(30);
    cr_assert_eq(mproc_queue_put(queue, data, 1, deadline_ns), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    mproc_queue_stat(queue, &stat);
    cr_assert_eq(stat.messages, 64);
    cr_assert_eq(stat.bytes, 4096);
    cr_assert_not(stat.closed);
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, sizeof(data), data, &len), 0);
    cr_assert_eq(mproc_queue_put(queue, data, sizeof(data), MPROC_NOW), 0);
    cr_assert_eq(mproc_queue_put(queue, data, 0, MPROC_NOW), -EAGAIN);
    mproc_queue_unref(queue);
}

Test(queue, bounds_the_number_of_messages, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.max_messages = 2});

    put_text(queue, "a");
    put_text(queue, "b");
    cr_assert_eq(mproc_queue_put(queue, "c", 2, MPROC_NOW), -EAGAIN);
    expect_text(queue, "a");
    put_text(queue, "c");
    cr_assert_eq(mproc_queue_put(queue, "d", 2, MPROC_NOW), -EAGAIN);
    expect_text(queue, "b");
    expect_text(queue, "c");
    mproc_queue_unref(queue);
}

Test(queue, bounds_large_messages, .timeout = 10)
{
    enum { LARGE = 1 << 20, THIRD = LARGE / 3 };
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096, .large_bytes = LARGE});
    unsigned char *sent = malloc(LARGE);
    unsigned char *got = malloc(LARGE);
    struct mproc_queue_stat stat;
    size_t len;

    cr_assert_eq(mproc_queue_put(queue, sent, LARGE + 1, MPROC_FOREVER), -EMSGSIZE);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 3; i++) {
            fill(sent, THIRD, round * 3 + i);
            cr_assert_eq(mproc_queue_put(queue, sent, THIRD, MPROC_NOW), 0);
        }
        cr_assert_eq(mproc_queue_put(queue, sent, THIRD, MPROC_NOW), -EAGAIN);
        mproc_queue_stat(queue, &stat);
        cr_assert_eq(stat.large_bytes, 3 * THIRD, "round %u: %llu", round,
                     (unsigned long long)stat.large_bytes);
        for (unsigned i = 0; i < 3; i++) {
            cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, LARGE, got, &len), 0);
            fill(sent, THIRD, round * 3 + i);
            cr_assert_eq(len, THIRD);
            cr_assert_eq(memcmp(sent, got, len), 0);
        }
        /* One that needs all of it fits whenever the area is empty. */
        cr_assert_eq(mproc_queue_put(queue, sent, LARGE, MPROC_NOW), 0);
        cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, LARGE, got, &len), 0);
        cr_assert_eq(len, LARGE);
    }
    free(sent);
    free(got);
    mproc_queue_unref(queue);
}

static uint64_t allocated_bytes(const struct mproc_queue *queue)
{
    struct stat status;

    cr_assert_eq(fstat(queue->segment.fd, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

Test(queue, gives_back_the_pages_of_large_messages, .timeout = 10)
{
    enum { LARGE = 32 << 20 };
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    unsigned char *data = calloc(1, LARGE);
    size_t len;

    cr_assert_eq(mproc_queue_put(queue, data, LARGE, MPROC_NOW), 0);
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, LARGE, data, &len), 0);
    cr_assert_gt(allocated_bytes(queue), LARGE);
    for (int i = 0; i < 200; i++) {
        cr_assert_eq(mproc_queue_put(queue, data, 1 << 20, MPROC_NOW), 0);
        cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, LARGE, data, &len), 0);
    }
    cr_assert_lt(allocated_bytes(queue), 8 << 20, "%llu", (unsigned long long)allocated_bytes(queue));
    free(data);
    mproc_queue_unref(queue);
}

Test(queue, refuses_a_large_message_that_a_limit_would_kill_it_for, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    unsigned char data[5000] = {0};

    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {4096, 4096};
        struct mproc_queue *other;
        setrlimit(RLIMIT_FSIZE, &limit);
        int code = mproc_queue_put(queue, data, sizeof(data), MPROC_NOW) == -EFBIG ? 0 : 1;
        code |= mproc_queue_create(NULL, &other) == -EFBIG ? 0 : 2;
        code |= mproc_queue_put(queue, data, 100, MPROC_NOW) == 0 ? 0 : 4;
        _exit(code);
    }
    cr_assert_eq(exit_code(pid), 0);
    mproc_queue_unref(queue);
}

Test(queue, leaves_a_message_that_is_too_long_for_the_buffer, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    char buffer[8];
    size_t len = 99;

    put_text(queue, "123456789");
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, sizeof(buffer), buffer, &len), -EMSGSIZE);
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, 0, NULL, &len), -EMSGSIZE);
    cr_assert_eq(len, 99);
    expect_text(queue, "123456789");
    cr_assert_eq(mproc_queue_put(queue, NULL, 0, MPROC_NOW), 0);
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, 0, NULL, &len), 0);
    cr_assert_eq(len, 0);
    mproc_queue_unref(queue);
}

Test(queue, puts_and_gets_many, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    unsigned char big[2000];
    struct iovec out[] = {{(void *)"ab", 2}, {NULL, 0}, {big, sizeof(big)}, {(void *)"cde", 3}};
    struct iovec in[8];
    unsigned char buffer[4096];
    size_t count;

    fill(big, sizeof(big), 1);
    cr_assert_eq(mproc_queue_put_many(queue, out, 4, MPROC_NOW, &count), 0);
    cr_assert_eq(count, 4);
    cr_assert_eq(mproc_queue_get_many(queue, MPROC_NOW, sizeof(buffer), 0, buffer, in, &count), -EINVAL);
    cr_assert_eq(mproc_queue_get_many(queue, MPROC_NOW, 100, 8, buffer, in, &count), 0);
    cr_assert_eq(count, 2, "the third does not fit");
    cr_assert_eq(in[0].iov_len, 2);
    cr_assert_eq(memcmp(in[0].iov_base, "ab", 2), 0);
    cr_assert_eq(in[1].iov_len, 0);
    cr_assert_eq(mproc_queue_get_many(queue, MPROC_NOW, sizeof(buffer), 8, buffer, in, &count), 0);
    cr_assert_eq(count, 2);
    cr_assert_eq(in[0].iov_len, sizeof(big));
    cr_assert_eq(memcmp(in[0].iov_base, big, sizeof(big)), 0);
    cr_assert_eq(memcmp(in[1].iov_base, "cde", 3), 0);
    cr_assert_eq(mproc_queue_get_many(queue, MPROC_NOW, sizeof(buffer), 8, buffer, in, &count), -EAGAIN);
    mproc_queue_unref(queue);
}

Test(queue, tells_how_many_of_many_it_took, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.max_messages = 3});
    struct iovec out[5];
    size_t count;

    for (size_t i = 0; i < 5; i++)
        out[i] = (struct iovec){(void *)"x", 2};
    cr_assert_eq(mproc_queue_put_many(queue, out, 5, MPROC_NOW, &count), -EAGAIN);
    cr_assert_eq(count, 3);
    for (size_t i = 0; i < 3; i++)
        expect_text(queue, "x");
    cr_assert_eq(mproc_queue_put_many(queue, out, 0, MPROC_NOW, &count), 0);
    cr_assert_eq(count, 0);
    mproc_queue_unref(queue);
}

Test(queue, keeps_the_deadline_of_a_get, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    uint64_t deadline_ns = mproc_deadline_ms(30);
    void *data = NULL;
    size_t len = 7;

    cr_assert_eq(mproc_queue_get(queue, deadline_ns, &data, &len), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    cr_assert_null(data);
    cr_assert_eq(len, 7);
    mproc_queue_unref(queue);
}

Test(queue, outlives_its_putter_before_it_is_drained, .timeout = 20)
{
    enum { COUNT = 300, SIZE = 1000 };
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 1 << 19});
    unsigned char data[SIZE];
    unsigned char expected[SIZE];
    size_t len;

    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < COUNT; i++) {
            fill(data, SIZE, i);
            if (mproc_queue_put(queue, data, SIZE, mproc_deadline_ms(5000)) != 0)
                _exit(1);
        }
        _exit(0);
    }
    cr_assert_eq(exit_code(pid), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, SIZE, data, &len), 0);
        fill(expected, SIZE, i);
        cr_assert_eq(memcmp(data, expected, SIZE), 0);
    }
    mproc_queue_unref(queue);
}

Test(queue, wakes_a_getter_and_a_putter, .timeout = 20)
{
    struct mproc_queue *there = new_queue((struct mproc_queue_options){.max_messages = 1});
    struct mproc_queue *back = new_queue((struct mproc_queue_options){.bytes = 4096});
    uint64_t number;
    size_t len;

    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            if (mproc_queue_get_into(there, mproc_deadline_ms(5000), 8, &number, &len) != 0)
                _exit(1);
            if (mproc_queue_put(back, &number, 8, mproc_deadline_ms(5000)) != 0)
                _exit(2);
            if (number == 2000)
                _exit(0);
        }
    }
    for (uint64_t i = 1; i <= 2000; i++) {
        cr_assert_eq(mproc_queue_put(there, &i, 8, mproc_deadline_ms(5000)), 0);
        if (i % 3 != 0)
            continue;
        for (uint64_t expected = i - 2; expected <= i; expected++) {
            cr_assert_eq(mproc_queue_get_into(back, mproc_deadline_ms(5000), 8, &number, &len), 0);
            cr_assert_eq(number, expected);
        }
    }
    cr_assert_eq(exit_code(pid), 0);
    mproc_queue_unref(there);
    mproc_queue_unref(back);
}

Test(queue, closes_and_drains, .timeout = 10)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    struct mproc_queue_stat stat;
    void *data;
    size_t len;

    put_text(queue, "last");
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    cr_assert_eq(mproc_queue_put(queue, "x", 1, MPROC_FOREVER), -EPIPE);
    mproc_queue_stat(queue, &stat);
    cr_assert(stat.closed);
    cr_assert_eq(stat.messages, 1);
    expect_text(queue, "last");
    cr_assert_eq(mproc_queue_get(queue, MPROC_FOREVER, &data, &len), -EPIPE);
    mproc_queue_unref(queue);
}

static void sleep_a_moment(void)
{
    mproc_stop_sleep(mproc_clock_ns() + 20000000);
}

Test(queue, wakes_all_who_wait_when_closed, .timeout = 20)
{
    enum { SLEEPERS = 3 };
    struct mproc_queue *empty = new_queue((struct mproc_queue_options){0});
    struct mproc_queue *full = new_queue((struct mproc_queue_options){.max_messages = 1});
    pid_t pids[2 * SLEEPERS];
    void *data;
    size_t len;

    put_text(full, "x");
    for (int i = 0; i < 2 * SLEEPERS; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        if (i < SLEEPERS)
            _exit(mproc_queue_get(empty, mproc_deadline_ms(10000), &data, &len) == -EPIPE ? 0 : 1);
        _exit(mproc_queue_put(full, "y", 1, mproc_deadline_ms(10000)) == -EPIPE ? 0 : 1);
    }
    /* Not needed for the outcome: lets most of them fall asleep, which is the harder case. */
    sleep_a_moment();
    cr_assert_eq(mproc_queue_close(empty, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_queue_close(full, MPROC_FOREVER), 0);
    for (int i = 0; i < 2 * SLEEPERS; i++)
        cr_expect_eq(exit_code(pids[i]), 0, "%d", i);
    expect_text(full, "x");
    mproc_queue_unref(empty);
    mproc_queue_unref(full);
}

struct stopped_call {
    struct mproc_queue *queue;
    struct mproc_stop *stop;
    bool puts;
    int result;
};

static void *call_under_token(void *arg)
{
    struct stopped_call *call = arg;
    void *data;
    size_t len;

    mproc_stop_enter(call->stop);
    if (call->puts)
        call->result = mproc_queue_put(call->queue, "", 1, mproc_deadline_ms(5000));
    else
        call->result = mproc_queue_get(call->queue, mproc_deadline_ms(5000), &data, &len);
    return NULL;
}

Test(queue, stops_waiting_when_the_thread_is_stopped, .timeout = 20)
{
    struct stopped_call call = {.queue = new_queue((struct mproc_queue_options){.max_messages = 1})};
    pthread_t thread;

    for (int i = 0; i < 2; i++) {
        call.puts = i == 1;
        if (call.puts)
            put_text(call.queue, "x");
        cr_assert_eq(mproc_stop_new(NULL, &call.stop), 0);
        cr_assert_eq(pthread_create(&thread, NULL, call_under_token, &call), 0);
        mproc_stop_request(call.stop, MPROC_STOP_WARM);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(call.result, -ECANCELED);
        mproc_stop_unref(call.stop);
    }
    mproc_queue_unref(call.queue);
}

/* Versions are 30 bits and must turn over silently; so must the parity that chooses the mark. */
Test(queue, turns_its_version_over, .timeout = 20)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.max_messages = 1});
    uint64_t number;
    size_t len;

    queue->sides[QUEUE_PRODUCERS]->commit = QUEUE_VERSION_MASK - 20 * QUEUE_VERSION_ONE;
    queue->sides[QUEUE_CONSUMERS]->commit = QUEUE_VERSION_MASK - 10 * QUEUE_VERSION_ONE;
    queue->sides[QUEUE_PRODUCERS]->marks[1] = queue->sides[QUEUE_PRODUCERS]->marks[0];
    pid_t pid = fork();
    if (pid == 0) {
        for (uint64_t i = 0; i < 100; i++) {
            if (mproc_queue_get_into(queue, mproc_deadline_ms(5000), 8, &number, &len) != 0 || number != i)
                _exit(1);
        }
        _exit(0);
    }
    for (uint64_t i = 0; i < 100; i++) {
        cr_assert_eq(mproc_queue_put(queue, &i, 8, mproc_deadline_ms(5000)), 0, "%llu: %s",
                     (unsigned long long)i, mproc_error_detail());
    }
    cr_assert_eq(exit_code(pid), 0);
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    mproc_queue_unref(queue);
}

Test(queue, travels, .timeout = 10)
{
    struct mproc_queue *queue =
        new_queue((struct mproc_queue_options){.bytes = 8192, .large_bytes = 65536, .max_messages = 2});
    struct mproc_parcel parcel = {0};
    unsigned char big[9000] = {1};
    void *object;

    put_text(queue, "a");
    cr_assert_eq(mproc_queue_class.pack(queue, &parcel), 0);
    cr_assert_neq(fcntl(parcel.fds[0], F_GETFD) & FD_CLOEXEC, 0);
    cr_assert_eq(mproc_queue_class.unpack(&parcel, &object), 0);
    expect_text(object, "a");
    cr_assert_eq(mproc_queue_put(object, big, sizeof(big), MPROC_NOW), 0);
    cr_assert_eq(mproc_queue_put(object, big, 65537, MPROC_NOW), -EMSGSIZE);
    put_text(object, "b");
    cr_assert_eq(mproc_queue_put(object, "c", 1, MPROC_NOW), -EAGAIN);
    mproc_queue_class.unref(object);
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, sizeof(big), big, &(size_t){0}), 0);
    expect_text(queue, "b");
    mproc_queue_unref(queue);
}
