/* Queues that are waited for by poll(2), beside what else a program waits for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/queue.h>

#include "queue_internal.h"
#include "sleeper.h"

TestSuite(queue_poll, .timeout = 60);

enum { WAKE_MS = 2000 };

static struct mproc_queue *new_queue(struct mproc_queue_options options)
{
    struct mproc_queue *queue;

    options.pollable = true;
    cr_assert_eq(mproc_queue_create(&options, &queue), 0, "%s", mproc_error_detail());
    return queue;
}

static bool is_readable(const struct mproc_queue *queue, int timeout_ms)
{
    struct pollfd item = {.fd = mproc_queue_fd(queue), .events = POLLIN};

    return poll(&item, 1, timeout_ms) == 1 && item.revents == POLLIN;
}

static void put_letter(struct mproc_queue *queue, char letter)
{
    cr_assert_eq(mproc_queue_put(queue, &letter, 1, MPROC_NOW), 0, "%s", mproc_error_detail());
}

/* The letter, or a negative errno. */
static int get_letter(struct mproc_queue *queue, uint64_t deadline_ns)
{
    size_t len;
    char letter;
    int err = mproc_queue_get_into(queue, deadline_ns, 1, &letter, &len);

    return err ? err : letter;
}

static pid_t fork_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
    return pid;
}

/* Polls and takes until the queue has ended. Returns how many messages it took, or -1. */
static int take_all(struct mproc_queue *queue)
{
    int taken = 0;
    int got;

    for (;;) {
        if (!is_readable(queue, 10 * WAKE_MS))
            return -1;
        while ((got = get_letter(queue, MPROC_NOW)) > 0)
            taken++;
        if (got != -EAGAIN)
            return got == -EPIPE ? taken : -1;
    }
}

Test(queue_poll, wakes_who_polls_in_another_process)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});

    for (int round = 0; round < 50; round++) {
        pid_t poller = fork_child();
        if (poller == 0)
            _exit(is_readable(queue, WAKE_MS) && get_letter(queue, MPROC_NOW) == 'a' ? 0 : 1);
        await_sleep(poller);
        put_letter(queue, 'a');
        cr_assert_eq(exit_code(poller), 0, "round %d", round);
        cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    }
    mproc_queue_unref(queue);
}

Test(queue_poll, is_readable_until_it_is_found_empty)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});

    cr_assert_not(is_readable(queue, 0));
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    for (int round = 0; round < 3; round++) {
        put_letter(queue, 'a');
        put_letter(queue, 'b');
        cr_assert(is_readable(queue, 0));
        cr_assert(is_readable(queue, 0), "level-triggered");
        cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
        cr_assert(is_readable(queue, 0));
        cr_assert_eq(get_letter(queue, MPROC_NOW), 'b');
        cr_assert_eq(get_letter(queue, round == 1 ? mproc_deadline_ms(10) : MPROC_NOW),
                     round == 1 ? -ETIMEDOUT : -EAGAIN);
        cr_assert_not(is_readable(queue, 0));
    }
    mproc_queue_unref(queue);
}

Test(queue_poll, is_readable_while_a_message_stays)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.bytes = 4096});
    char data[3000] = {0};
    size_t len;

    cr_assert_eq(mproc_queue_put(queue, data, sizeof(data), MPROC_NOW), 0);
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EMSGSIZE);
    cr_assert(is_readable(queue, 0));
    cr_assert_eq(mproc_queue_get_into(queue, MPROC_NOW, sizeof(data), data, &len), 0);
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    cr_assert_not(is_readable(queue, 0));
    mproc_queue_unref(queue);
}

/* Whoever has found nothing looks once more before it hushes: meanwhile something may have come. */
Test(queue_poll, is_not_hushed_by_who_looked_too_early)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});

    put_letter(queue, 'a');
    cr_assert(mproc_queue_bell_is_early(queue));
    cr_assert(is_readable(queue, 0));
    cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
    cr_assert_not(mproc_queue_bell_is_early(queue));
    cr_assert_not(is_readable(queue, 0));
    mproc_queue_unref(queue);
}

Test(queue_poll, can_be_in_an_epoll_set)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = queue};
    struct epoll_event told = {0};
    int set = epoll_create1(EPOLL_CLOEXEC);

    cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, mproc_queue_fd(queue), &event), 0);
    cr_assert_eq(epoll_wait(set, &told, 1, 0), 0);
    put_letter(queue, 'a');
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(epoll_wait(set, &told, 1, 0), 1);
        cr_assert_eq(told.data.ptr, queue);
    }
    cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    cr_assert_eq(epoll_wait(set, &told, 1, 0), 0);
    close(set);
    mproc_queue_unref(queue);
}

/* Each message goes to one of several who poll, and none of them sleeps while there is one. */
Test(queue_poll, serves_many_pollers_and_putters)
{
    enum { POLLERS = 3, PUTTERS = 3, EACH = 2000 };
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){.max_messages = 20});
    struct mproc_queue *taken = new_queue((struct mproc_queue_options){0});
    pid_t pollers[POLLERS], putters[PUTTERS];
    int sum = 0;

    for (int i = 0; i < POLLERS; i++) {
        pollers[i] = fork_child();
        if (pollers[i] != 0)
            continue;
        int count = take_all(queue);
        _exit(mproc_queue_put(taken, &count, sizeof(count), MPROC_NOW) ? 1 : 0);
    }
    for (int i = 0; i < PUTTERS; i++) {
        putters[i] = fork_child();
        if (putters[i] != 0)
            continue;
        for (int n = 0; n < EACH; n++) {
            if (mproc_queue_put(queue, "x", 1, mproc_deadline_ms(10 * WAKE_MS)) != 0)
                _exit(1);
        }
        _exit(0);
    }
    for (int i = 0; i < PUTTERS; i++)
        cr_assert_eq(exit_code(putters[i]), 0);
    cr_assert_eq(mproc_queue_join(queue, mproc_deadline_ms(WAKE_MS)), 0, "messages, and nobody polls awake");
    for (int i = 0; i < POLLERS; i++)
        await_sleep(pollers[i]);
    cr_assert_eq(mproc_queue_close(queue, MPROC_FOREVER), 0);
    for (int i = 0; i < POLLERS; i++) {
        int count;
        size_t len;
        cr_assert_eq(exit_code(pollers[i]), 0);
        cr_assert_eq(mproc_queue_get_into(taken, MPROC_NOW, sizeof(count), &count, &len), 0);
        cr_assert_geq(count, 0);
        sum += count;
    }
    cr_assert_eq(sum, PUTTERS * EACH);
    mproc_queue_unref(taken);
    mproc_queue_unref(queue);
}

Test(queue_poll, is_readable_for_ever_when_closed)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    pid_t poller = fork_child();

    if (poller == 0) {
        int letter = -EAGAIN;
        while (letter == -EAGAIN && is_readable(queue, WAKE_MS))
            letter = get_letter(queue, MPROC_NOW); /* it rings before it is closed */
        _exit(letter == -EPIPE ? 0 : 1);
    }
    await_sleep(poller);
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    cr_assert_eq(exit_code(poller), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert(is_readable(queue, 0));
        cr_assert_eq(get_letter(queue, MPROC_NOW), -EPIPE);
    }
    mproc_queue_unref(queue);
}

Test(queue_poll, waits_beside_other_things)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    struct mproc_queue *plain;
    struct mproc_pipe *here, *there;
    size_t ready = 0;

    cr_assert_eq(mproc_pipe_create(NULL, &here, &there), 0);
    struct mproc_waitable items[] = {{.pipe = here}, {.queue = queue}};
    cr_assert_eq(mproc_pipe_wait(items, 2, MPROC_NOW, &ready), -EAGAIN);
    pid_t putter = fork_child();
    if (putter == 0)
        _exit(mproc_queue_put(queue, "a", 1, MPROC_NOW) == 0 ? 0 : 1);
    cr_assert_eq(mproc_pipe_wait(items, 2, mproc_deadline_ms(WAKE_MS), &ready), 0, "%s",
                 mproc_error_detail());
    cr_assert(ready == 1 && items[1].ready && !items[0].ready);
    cr_assert_eq(exit_code(putter), 0);
    cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    cr_assert_eq(mproc_pipe_wait(items, 2, mproc_deadline_ms(10), &ready), -ETIMEDOUT);
    items[0].queue = queue;
    cr_assert_eq(mproc_pipe_wait(items, 2, MPROC_NOW, &ready), -EINVAL);
    cr_assert_eq(mproc_queue_create(NULL, &plain), 0);
    items[0] = (struct mproc_waitable){.queue = plain};
    cr_assert_eq(mproc_pipe_wait(items, 2, MPROC_NOW, &ready), -EINVAL);
    cr_assert_not_null(strstr(mproc_error_detail(), ".pollable = true"));
    mproc_queue_unref(plain);
    cr_assert_eq(mproc_pipe_wait(items, 2, MPROC_NOW, &ready), -EBADF);
    mproc_pipe_unref(here);
    mproc_pipe_unref(there);
    mproc_queue_unref(queue);
}

static struct mproc_queue *new_redelivering(void)
{
    return new_queue((struct mproc_queue_options){.reader_death = MPROC_READER_DEATH_REDELIVERS});
}

/* A reader with the first message in hand. */
static pid_t start_holder(struct mproc_queue *queue)
{
    int ends[2];
    char byte;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork_child();
    if (pid == 0) {
        (void)!write(ends[1], get_letter(queue, MPROC_NOW) > 0 ? "y" : "n", 1);
        pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    close(ends[0]);
    close(ends[1]);
    return pid;
}

Test(queue_poll, is_readable_for_all_once_somebody_saw_a_death)
{
    struct mproc_queue *queue = new_redelivering();

    for (int round = 0; round < 2; round++) {
        put_letter(queue, 'a');
        put_letter(queue, 'b');
        pid_t holders[2] = {start_holder(queue), start_holder(queue)};
        cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN, "others have them");
        cr_assert_not(is_readable(queue, 0));
        pid_t poller = fork_child();
        if (poller == 0) {
            bool is_called = is_readable(queue, WAKE_MS);
            int got = get_letter(queue, MPROC_NOW);
            mproc_queue_done(queue, MPROC_FOREVER);
            _exit(is_called ? (got < 0 ? 1 : got) : 2);
        }
        await_sleep(poller);
        kill_and_reap(holders[0]);
        kill_and_reap(holders[1]);
        /* This thread takes one of two, or none. */
        if (round == 0)
            cr_assert_gt(get_letter(queue, MPROC_NOW), 0);
        else
            cr_assert_eq(mproc_queue_join(queue, MPROC_NOW), -EAGAIN);
        cr_assert_gt(exit_code(poller), 2, "round %d", round);
        while (get_letter(queue, MPROC_NOW) > 0)
            ;
        cr_assert_not(is_readable(queue, 0));
    }
    mproc_queue_unref(queue);
}

Test(queue_poll, is_readable_when_a_handle_ends_that_had_messages)
{
    struct mproc_queue *queue = new_redelivering();

    put_letter(queue, 'a');
    pid_t holder = fork_child();
    if (holder == 0) {
        int first = get_letter(queue, MPROC_NOW);
        int second = get_letter(queue, MPROC_NOW);
        _exit(first == 'a' && second == -EAGAIN ? 0 : 1);
    }
    cr_assert_eq(exit_code(holder), 0);
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN, "the second get said that it is done");
    put_letter(queue, 'b');
    holder = fork_child();
    if (holder == 0) {
        bool has_it = get_letter(queue, MPROC_NOW) == 'b';
        raise(SIGSTOP);
        mproc_queue_unref(queue);
        raise(SIGSTOP);
        _exit(has_it ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(holder, &status, WUNTRACED), holder);
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    cr_assert_not(is_readable(queue, 0));
    kill(holder, SIGCONT);
    cr_assert(is_readable(queue, WAKE_MS), "the holder lives, but has left");
    cr_assert_eq(get_letter(queue, MPROC_NOW), 'b');
    kill(holder, SIGCONT);
    kill_and_reap(holder);
    mproc_queue_unref(queue);
}

/* Closed, but others have messages that may come back: that is not the end, and must not keep pollers busy.
 */
Test(queue_poll, tells_the_end_when_all_is_done)
{
    struct mproc_queue *queue = new_redelivering();

    put_letter(queue, 'a');
    cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    cr_assert(is_readable(queue, 0));
    pid_t poller = fork_child();
    if (poller == 0)
        _exit(take_all(queue) == 0 ? 0 : 1);
    await_sleep(poller);
    cr_assert_not(is_readable(queue, 0));
    cr_assert_eq(mproc_queue_done(queue, MPROC_NOW), 0);
    cr_assert_eq(exit_code(poller), 0);
    cr_assert(is_readable(queue, 0));
    mproc_queue_unref(queue);
}

Test(queue_poll, waits_beside_other_things_for_deaths_too)
{
    struct mproc_queue *queue = new_redelivering();
    struct mproc_waitable item = {.queue = queue};
    size_t ready;

    mproc_nap_ns = UINT64_C(20) * 1000 * 1000;
    put_letter(queue, 'a');
    pid_t holder = start_holder(queue);
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    uint64_t deadline_ns = mproc_deadline_ms(50);
    cr_assert_eq(mproc_pipe_wait(&item, 1, deadline_ns, &ready), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    pid_t poller = fork_child();
    if (poller == 0)
        _exit(mproc_pipe_wait(&item, 1, mproc_deadline_ms(WAKE_MS), &ready) == 0 &&
                      get_letter(queue, MPROC_NOW) == 'a'
                  ? 0
                  : 1);
    await_sleep(poller);
    kill_and_reap(holder);
    cr_assert_eq(exit_code(poller), 0);
    mproc_queue_unref(queue);
}

Test(queue_poll, misuse_is_told)
{
    struct mproc_queue *plain;
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});

    cr_assert_eq(mproc_queue_create(NULL, &plain), 0);
    cr_expect_eq(mproc_queue_fd(plain), -EINVAL);
    cr_expect_not_null(strstr(mproc_error_detail(), ".pollable = true"));
    mproc_queue_unref(plain);
    cr_expect_eq(mproc_queue_fd(plain), -EBADF);
    mproc_queue_unref(queue);
    cr_expect_eq(mproc_queue_fd(queue), -EBADF);
    cr_expect_not_null(strstr(mproc_error_detail(), "given back"));
}

Test(queue_poll, puts_nothing_that_it_cannot_ring_for)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    struct mproc_queue_stat stat;
    int fd = mproc_queue_fd(queue);
    int kept = dup(fd);

    cr_assert_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    cr_assert_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    close(fd);
    cr_expect_eq(mproc_queue_put(queue, "x", 1, MPROC_NOW), -EBADF);
    cr_expect_not_null(strstr(mproc_error_detail(), "was it closed?"), "%s", mproc_error_detail());
    cr_expect_eq(mproc_queue_close(queue, MPROC_NOW), -EBADF);
    mproc_queue_stat(queue, &stat);
    cr_expect(stat.messages == 0 && !stat.closed);
    cr_assert_eq(dup2(kept, fd), fd);
    put_letter(queue, 'a');
    cr_expect(is_readable(queue, 0));
    close(kept);
    mproc_queue_unref(queue);
}

Test(queue_poll, says_when_there_is_no_descriptor)
{
    struct mproc_queue *queue;

    pid_t pid = fork_child();
    if (pid == 0) {
        int next = dup(0);
        close(next);
        struct rlimit limit = {(rlim_t)next + 1, (rlim_t)next + 1};
        setrlimit(RLIMIT_NOFILE, &limit);
        int err = mproc_queue_create(&(struct mproc_queue_options){.pollable = true}, &queue);
        if (err != -EMFILE)
            _exit(1);
        _exit(mproc_queue_create(NULL, &queue) == 0 ? 0 : 2);
    }
    cr_assert_eq(exit_code(pid), 0);
}

/* Somebody has taken the flag away, and there is nothing to read: no call sleeps over it. */
Test(queue_poll, does_not_sleep_on_a_blocking_descriptor)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    uint64_t count;

    put_letter(queue, 'a');
    cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
    cr_assert_eq(read(mproc_queue_fd(queue), &count, sizeof(count)), (ssize_t)sizeof(count));
    cr_assert_eq(fcntl(mproc_queue_fd(queue), F_SETFL, 0), 0);
    cr_assert_eq(get_letter(queue, MPROC_NOW), -EAGAIN);
    put_letter(queue, 'b');
    cr_assert(is_readable(queue, 0), "an empty get has seen to it");
    mproc_queue_unref(queue);
}

static void expect_refused(struct mproc_parcel parcel, int fd, const char *what)
{
    void *object = NULL;

    cr_assert_geq(fd, 0);
    parcel.fds[1] = fd;
    cr_expect_eq(mproc_queue_class.unpack(&parcel, &object), -EBADMSG, "%s", what);
    cr_expect_null(object);
    cr_expect_eq(fcntl(fd, F_GETFD), 0, "%s: refused, and closed", what);
    close(fd);
}

Test(queue_poll, refuses_what_is_no_bell)
{
    struct mproc_queue *queue = new_queue((struct mproc_queue_options){0});
    struct mproc_queue *plain;
    struct mproc_parcel parcel = {0};
    int pipe_ends[2], sockets[2];
    void *object = NULL;

    cr_assert_eq(mproc_queue_class.pack(queue, &parcel), 0);
    cr_assert_eq(parcel.nfds, 2);
    cr_assert_eq(pipe2(pipe_ends, O_NONBLOCK), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    expect_refused(parcel, pipe_ends[0], "a pipe to read");
    expect_refused(parcel, pipe_ends[1], "a pipe to write");
    expect_refused(parcel, sockets[0], "a socket");
    expect_refused(parcel, eventfd(0, 0), "an eventfd that may block");
    expect_refused(parcel, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "a timer");
    expect_refused(parcel, epoll_create1(0), "an epoll set");
    expect_refused(parcel, open("/dev/null", O_RDWR | O_NONBLOCK), "a device");
    expect_refused(parcel, open("/dev/shm", O_TMPFILE | O_RDWR | O_NONBLOCK, 0600), "a file");
    struct mproc_parcel without = parcel;
    without.nfds = 1;
    cr_expect_eq(mproc_queue_class.unpack(&without, &object), -EBADMSG, "none at all");
    cr_assert_eq(mproc_queue_class.unpack(&parcel, &object), 0, "%s", mproc_error_detail());
    cr_expect_not(is_readable(object, 0), "the check adds nothing");
    put_letter(object, 'a');
    cr_expect(is_readable(queue, 0), "the same object");
    mproc_queue_class.unref(object);

    cr_assert_eq(mproc_queue_create(NULL, &plain), 0);
    parcel = (struct mproc_parcel){0};
    cr_assert_eq(mproc_queue_class.pack(plain, &parcel), 0);
    cr_assert_eq(parcel.nfds, 1);
    parcel.fds[parcel.nfds++] = mproc_queue_fd(queue);
    cr_expect_eq(mproc_queue_class.unpack(&parcel, &object), -EBADMSG, "a bell too many");
    close(parcel.fds[0]);
    mproc_queue_unref(plain);
    mproc_queue_unref(queue);
}
