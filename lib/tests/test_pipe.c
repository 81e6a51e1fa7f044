#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/queue.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "pipe_internal.h"
#include "sleeper.h"

static struct mproc_pipe *here, *there;

static void set_up(void)
{
    cr_assert_eq(mproc_pipe_create(NULL, &here, &there), 0, "%s", mproc_error_detail());
}

static void tear_down(void)
{
    mproc_pipe_unref(here);
    mproc_pipe_unref(there);
}

TestSuite(pipe, .init = set_up, .fini = tear_down, .timeout = 30);

static unsigned char *filled(size_t len, unsigned seed)
{
    unsigned char *data = malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)((i * 31 + seed) % 251);
    return data;
}

Test(pipe, frames_of_every_size_go_both_ways)
{
    static const size_t sizes[] = {0,     1,     64,      4096,    65535,          65536,
                                   65537, 70000, 1 << 20, 3 << 20, (64 << 20) - 1, 64 << 20};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *data = filled(sizes[i], (unsigned)i);
        void *got = NULL;
        size_t len = 77;
        cr_assert_eq(mproc_pipe_send(here, data, sizes[i], MPROC_NOW), 0, "%s", mproc_error_detail());
        cr_assert_eq(mproc_pipe_receive(there, MPROC_NOW, &got, &len), 0, "%s", mproc_error_detail());
        cr_assert_eq(len, sizes[i]);
        cr_assert_eq(memcmp(got, data, len), 0, "%zu bytes", len);
        free(got);
        cr_assert_eq(mproc_pipe_send(there, data, sizes[i], MPROC_NOW), 0);
        memset(data, 0, sizes[i]);
        cr_assert_eq(mproc_pipe_receive_into(here, MPROC_NOW, sizes[i], data, &len), 0);
        cr_assert_eq(len, sizes[i]);
        unsigned char *expected = filled(sizes[i], (unsigned)i);
        cr_assert_eq(memcmp(data, expected, len), 0);
        free(expected);
        free(data);
    }
}

Test(pipe, a_frame_that_does_not_fit_stays)
{
    char data[8] = "unhurt";
    size_t len = 3;
    struct mproc_args *args = NULL;
    struct mproc_waitable item = {.pipe = there};

    cr_assert_eq(mproc_pipe_send(here, "twelve bytes", 12, MPROC_NOW), 0);
    cr_expect_eq(mproc_pipe_receive_into(there, MPROC_NOW, 8, data, &len), -EMSGSIZE);
    cr_expect_str_eq(data, "unhurt");
    cr_expect_eq(len, 3);
    cr_expect_eq(mproc_pipe_receive_args(there, MPROC_NOW, &args), -EINVAL);
    cr_expect_null(args);
    cr_expect_eq(mproc_pipe_wait(&item, 1, MPROC_NOW, NULL), 0);
    cr_expect(item.ready);
    void *got;
    cr_assert_eq(mproc_pipe_receive(there, MPROC_NOW, &got, &len), 0);
    cr_expect_eq(len, 12);
    cr_expect_eq(memcmp(got, "twelve bytes", 12), 0);
    free(got);
    cr_expect_eq(mproc_pipe_wait(&item, 1, MPROC_NOW, NULL), -EAGAIN);
}

Test(pipe, values_descriptors_and_handles_travel)
{
    struct mproc_args *args, *got;
    struct mproc_queue *queue;
    struct mproc_pipe *passed;
    int ends[2], fd = -1;
    int64_t number = 0;
    char *big = (char *)filled(200000, 1);
    const void *bytes;
    size_t len;
    void *message;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(mproc_queue_create(NULL, &queue), 0);
    mproc_args_new(&args);
    mproc_args_add(args, 42);
    mproc_args_add_fd(args, ends[1]);
    mproc_args_add_queue(args, queue);
    mproc_args_add_pipe(args, there);
    mproc_args_add_bytes(args, big, 200000);
    cr_assert_eq(mproc_pipe_send_args(here, args, MPROC_NOW), 0, "%s", mproc_error_detail());
    mproc_args_free(args);
    close(ends[1]);
    mproc_queue_put(queue, "still here", 10, MPROC_NOW);
    mproc_queue_unref(queue);

    cr_expect_eq(mproc_pipe_receive(there, MPROC_NOW, &message, &len), -EINVAL, "these are values");
    cr_assert_eq(mproc_pipe_receive_args(there, MPROC_NOW, &got), 0, "%s", mproc_error_detail());
    cr_expect_eq(mproc_args_count(got), 5);
    cr_expect_eq(mproc_args_get_int(got, 0, &number), 0);
    cr_expect_eq(number, 42);
    cr_assert_eq(mproc_args_get_fd(got, 1, &fd), 0);
    cr_expect_eq(write(fd, "x", 1), 1);
    cr_expect_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    cr_assert_eq(mproc_args_get_queue(got, 2, &queue), 0);
    cr_expect_eq(mproc_queue_get(queue, MPROC_NOW, &message, &len), 0);
    free(message);
    mproc_queue_unref(queue);
    cr_assert_eq(mproc_args_get_pipe(got, 3, &passed), 0, "%s", mproc_error_detail());
    cr_expect_eq(mproc_args_get_bytes(got, 4, &bytes, &len), 0);
    cr_expect_eq(memcmp(bytes, big, 200000), 0);
    cr_expect_eq(mproc_pipe_send(passed, "over", 4, MPROC_NOW), 0);
    cr_expect_eq(mproc_pipe_receive(here, MPROC_NOW, &message, &len), 0);
    free(message);
    mproc_pipe_unref(passed);
    mproc_args_free(got);
    free(big);
    char letter;
    cr_expect_eq(read(ends[0], &letter, 1), 1);
    cr_expect_eq(read(ends[0], &letter, 1), 0, "nobody else kept the descriptor");
    close(ends[0]);
}

Test(pipe, what_was_sent_outlives_its_sender)
{
    size_t len;
    void *got;

    mproc_pipe_send(there, "unread", 6, MPROC_NOW); /* its being unread must not cost the others theirs */
    for (int i = 0; i < 3; i++)
        cr_assert_eq(mproc_pipe_send(here, &i, sizeof(i), MPROC_NOW), 0);
    mproc_pipe_unref(here);
    here = NULL;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(mproc_pipe_receive(there, MPROC_NOW, &got, &len), 0, "%s", mproc_error_detail());
        cr_expect_eq(memcmp(got, &i, sizeof(i)), 0);
        free(got);
    }
    cr_expect_eq(mproc_pipe_receive(there, MPROC_FOREVER, &got, &len), -EPIPE);
    cr_expect_eq(mproc_pipe_send(there, "x", 1, MPROC_FOREVER), -EPIPE);
    cr_expect_eq(mproc_pipe_send(there, "x", 1, MPROC_FOREVER), -EPIPE);
}

Test(pipe, the_death_of_the_other_end_ends_a_wait)
{
    size_t len;
    void *got;
    pid_t pid = fork();

    if (pid == 0) {
        mproc_pipe_unref(there);
        pause();
        _exit(0);
    }
    pid_t reader = fork();
    if (reader == 0) {
        mproc_pipe_unref(here);
        _exit(mproc_pipe_receive(there, MPROC_FOREVER, &got, &len) == -EPIPE ? 0 : 1);
    }
    mproc_pipe_unref(here);
    here = NULL;
    await_sleep(reader);
    kill_and_reap(pid);
    cr_expect_eq(exit_code(reader), 0);
}

Test(pipe, deadlines_are_kept)
{
    static char packet[65536];
    uint64_t until_ns = mproc_deadline_ms(30);
    size_t len, sent = 0;
    void *got;

    cr_expect_eq(mproc_pipe_receive(here, MPROC_NOW, &got, &len), -EAGAIN);
    cr_expect_eq(mproc_pipe_receive(here, until_ns, &got, &len), -ETIMEDOUT);
    cr_expect_geq(mproc_clock_ns(), until_ns);
    while (mproc_pipe_send(here, packet, sizeof(packet), MPROC_NOW) == 0)
        sent++;
    cr_expect_gt(sent, 0);
    cr_expect_lt(sent, 10, "a receiver that lags behind holds up the sender");
    cr_expect_eq(mproc_pipe_send(here, packet, sizeof(packet), mproc_deadline_ms(20)), -ETIMEDOUT);
    cr_expect_eq(mproc_pipe_send(here, packet, 1 << 30, MPROC_NOW), -EMSGSIZE);
    while (mproc_pipe_receive_into(there, MPROC_NOW, sizeof(packet), packet, &len) == 0)
        sent--;
    cr_expect_eq(sent, 0);
    cr_expect_eq(mproc_pipe_send(here, packet, sizeof(packet), MPROC_NOW), 0);
}

Test(pipe, large_frames_do_not_pile_up)
{
    unsigned char *data = filled(8 << 20, 3);
    size_t sent = 0;

    while (mproc_pipe_send(here, data, 8 << 20, MPROC_NOW) == 0)
        sent++;
    cr_expect_gt(sent, 0);
    cr_expect_lt(sent, 10);
    free(data);
}

static int receive_in_thread(void *arg)
{
    size_t len;
    void *got;

    return mproc_pipe_receive(arg, MPROC_FOREVER, &got, &len);
}

Test(pipe, a_stop_ends_a_wait_at_once)
{
    struct mproc_thread_result result;
    struct mproc_thread *thread;

    for (int i = 0; i < 50; i++) {
        cr_assert_eq(mproc_thread_start("receiver", receive_in_thread, here, NULL, &thread), 0);
        uint64_t begin_ns = mproc_clock_ns();
        mproc_thread_ask(thread);
        cr_assert_eq(mproc_thread_join(thread, mproc_deadline_ms(10000), &result), 0);
        cr_expect_lt(mproc_clock_ns() - begin_ns, UINT64_C(400000000),
                     "it was woken, it did not look itself");
        cr_expect_eq(result.result, -ECANCELED);
        mproc_thread_free(thread);
    }
}

Test(pipe, one_way_is_one_way)
{
    struct mproc_pipe *reader, *writer, *got;
    struct mproc_args *args, *arrived;
    size_t len;
    void *data;

    cr_assert_eq(mproc_pipe_create(&(struct mproc_pipe_options){.one_way = true}, &reader, &writer), 0);
    cr_expect_eq(mproc_pipe_send(reader, "x", 1, MPROC_NOW), -EINVAL);
    cr_expect_eq(mproc_pipe_receive(writer, MPROC_NOW, &data, &len), -EINVAL);
    mproc_args_new(&args);
    mproc_args_add_pipe(args, writer);
    cr_assert_eq(mproc_pipe_send_args(writer, args, MPROC_NOW), 0);
    mproc_args_free(args);
    cr_assert_eq(mproc_pipe_receive_args(reader, MPROC_NOW, &arrived), 0);
    cr_assert_eq(mproc_args_get_pipe(arrived, 0, &got), 0);
    cr_expect_eq(mproc_pipe_receive(got, MPROC_NOW, &data, &len), -EINVAL);
    cr_expect_eq(write(mproc_pipe_fd(reader), "x", 1), -1, "the kernel knows it too");
    mproc_pipe_unref(got);
    mproc_args_free(arrived);
    mproc_pipe_unref(reader);
    mproc_pipe_unref(writer);
}

Test(pipe, waits_for_many)
{
    struct mproc_pipe *first[40], *second[40];
    struct mproc_waitable items[42] = {0};
    size_t ready = 0;
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(mproc_pipe_create(NULL, &first[i], &second[i]), 0);
        items[i].pipe = first[i];
    }
    items[40].fd = ends[0];
    items[41].pipe = here;
    cr_expect_eq(mproc_pipe_wait(items, 42, MPROC_NOW, &ready), -EAGAIN);
    cr_expect_eq(mproc_pipe_wait(items, 42, mproc_deadline_ms(10), &ready), -ETIMEDOUT);
    cr_expect_eq(mproc_pipe_wait(NULL, 0, mproc_deadline_ms(10), &ready), -ETIMEDOUT);
    mproc_pipe_send(second[17], "x", 1, MPROC_NOW);
    mproc_pipe_unref(second[31]);
    cr_expect_eq(write(ends[1], "x", 1), 1);
    cr_assert_eq(mproc_pipe_wait(items, 42, MPROC_FOREVER, &ready), 0);
    cr_expect_eq(ready, 3);
    for (int i = 0; i < 42; i++)
        cr_expect_eq(items[i].ready, i == 17 || i == 31 || i == 40, "%d", i);
    items[3].process = (struct mproc_process *)(uintptr_t)8;
    cr_expect_eq(mproc_pipe_wait(items, 42, MPROC_NOW, &ready), -EINVAL);
    items[3] = (struct mproc_waitable){.fd = 900};
    cr_expect_eq(mproc_pipe_wait(items, 42, MPROC_NOW, &ready), -EINVAL);
    for (int i = 0; i < 40; i++) {
        mproc_pipe_unref(first[i]);
        if (i != 31)
            mproc_pipe_unref(second[i]);
    }
    items[3] = (struct mproc_waitable){.pipe = first[3]};
    cr_expect_eq(mproc_pipe_wait(items, 42, MPROC_NOW, &ready), -EBADF);
}

Test(pipe, misuse_is_told)
{
    struct mproc_pipe *none = NULL;
    struct mproc_args *args;
    size_t len;
    void *got;
    int ends[2];

    cr_expect_eq(mproc_pipe_create(&(struct mproc_pipe_options){.max_frame_bytes = SIZE_MAX}, &none, &none),
                 -EINVAL);
    cr_expect_eq(mproc_pipe_attach(900, NULL, &none), -EBADF);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_expect_eq(mproc_pipe_attach(ends[0], NULL, &none), -EBADMSG);
    cr_expect_null(none);
    mproc_args_new(&args);
    mproc_args_add_array(args, 2);
    cr_expect_eq(mproc_pipe_send_args(here, args, MPROC_NOW), -EINVAL, "the array is not full");
    mproc_args_free(args);
    cr_expect_eq(mproc_pipe_ref(here), here);
    mproc_pipe_unref(here);
    mproc_pipe_unref(here);
    mproc_pipe_unref(here);
    cr_expect_eq(mproc_pipe_send(here, "x", 1, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_pipe_receive(here, MPROC_NOW, &got, &len), -EBADF);
    cr_expect_eq(mproc_pipe_fd(here), -EBADF);
    cr_expect_neq(strlen(mproc_error_detail()), 0);
    here = NULL;
    mproc_pipe_unref(NULL);
    cr_assert_eq(mproc_pipe_attach(mproc_pipe_fd(there), NULL, &none), 0);
    mproc_pipe_unref(none);
}

Test(pipe, limits_are_named)
{
    static char data[100000];
    struct rlimit before;
    struct mproc_args *args, *got = NULL;
    size_t len;
    void *bytes;

    mproc_args_new(&args);
    for (int i = 0; i < 20; i++)
        mproc_args_add_fd(args, mproc_pipe_fd(here));
    cr_assert_eq(mproc_pipe_send_args(here, args, MPROC_NOW), 0);
    getrlimit(RLIMIT_NOFILE, &before);
    int next = fcntl(0, F_DUPFD_CLOEXEC, 3);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next + 10, before.rlim_max});
    close(next);
    cr_expect_eq(mproc_pipe_receive_args(there, MPROC_NOW, &got), -EMFILE);
    cr_expect_not_null(strstr(mproc_error_detail(), "RLIMIT_NOFILE"));
    cr_expect_null(got);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, before.rlim_max});
    cr_expect_eq(mproc_pipe_send(here, data, sizeof(data), MPROC_NOW), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    mproc_args_free(args);
    cr_expect_eq(mproc_pipe_send(here, "next", 4, MPROC_NOW), 0);
    cr_expect_eq(mproc_pipe_receive(there, MPROC_NOW, &bytes, &len), 0, "the connection goes on");
    cr_expect_eq(len, 4);
    free(bytes);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, before.rlim_max});
    cr_expect_eq(mproc_pipe_send(here, data, sizeof(data), MPROC_NOW), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
}

Test(pipe, tells_who_is_there)
{
    struct mproc_peer peer;

    cr_assert_eq(mproc_pipe_get_peer(here, &peer), 0);
    cr_expect_eq(peer.pid, getpid());
    cr_expect_eq(peer.uid, geteuid());
    cr_expect_eq(peer.gid, getegid());
}
