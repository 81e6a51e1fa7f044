/* Pipes, FIFOs, eventfds and their like, polled and read. */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kinds.h"

static int ends[2], file, set;
static char bytes[4096];

static void make_pipe(void)
{
    NEED(pipe(ends) == 0);
}

static void make_full_pipe(void)
{
    make_pipe();
    set_blocking(ends[1], false);
    while (write(ends[1], bytes, sizeof(bytes)) > 0)
        ;
    set_blocking(ends[1], true);
}

static void read_end(void)
{
    NEED(read(ends[0], bytes, 1) == 1);
}

static void read_its_end(void)
{
    close(ends[1]);
    NEED(read(ends[0], bytes, 1) == 0);
}

static void close_end(void)
{
    close(ends[1]);
}

static void write_end(void)
{
    NEED(write(ends[1], "x", 1) == 1);
}

static void drain(void)
{
    read_all_there_is(ends[0]);
}

static void poll_end(void)
{
    struct pollfd one = {.fd = ends[0], .events = POLLIN};
    NEED(poll(&one, 1, -1) == 1);
}

static void ppoll_end(void)
{
    struct pollfd one = {.fd = ends[0], .events = POLLIN};
    sigset_t none;
    sigemptyset(&none);
    NEED(ppoll(&one, 1, NULL, &none) == 1);
}

/* glibc makes pselect6 of select as well. */
static void select_end(void)
{
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(ends[0], &reads);
#ifdef SYS_select
    NEED(syscall(SYS_select, ends[0] + 1, &reads, NULL, NULL, NULL) == 1);
#else
    NEED(select(ends[0] + 1, &reads, NULL, NULL, NULL) == 1);
#endif
}

static void pselect_end(void)
{
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(ends[0], &reads);
    NEED(pselect(ends[0] + 1, &reads, NULL, NULL, NULL, NULL) == 1);
}

static int watch(int fd)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    NEED(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    return epoll;
}

static void make_epoll(void)
{
    make_pipe();
    set = watch(ends[0]);
}

static void make_nested_epoll(void)
{
    make_epoll();
    set = watch(set);
}

static void await_epoll(void)
{
    struct epoll_event event;
    NEED(epoll_wait(set, &event, 1, -1) == 1);
}

/* A set that has told of its member once, and `how` says that it does not do so again. */
static void make_told_epoll(uint32_t how)
{
    struct epoll_event event = {.events = EPOLLIN | how};
    make_pipe();
    NEED((set = epoll_create1(0)) >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0);
    NEED(write(ends[1], "x", 1) == 1 && epoll_wait(set, &event, 1, -1) == 1);
}

/* Told of once, and not armed again. */
static void make_spent_epoll(void)
{
    make_told_epoll(EPOLLONESHOT);
}

static void arm_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
    NEED(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0);
}

/* Told of once, and not read. */
static void make_edged_epoll(void)
{
    make_told_epoll(EPOLLET);
}

/* What FIFOs are in: the containment's own /dev/shm, or the working folder, which others can reach. */
static void make_own_fifo(void)
{
    NEED(mkfifo("/dev/shm/fifo", 0600) == 0);
}

static void open_own_fifo(void)
{
    NEED(open("/dev/shm/fifo", O_RDONLY) >= 0);
}

static void open_own_fifo_to_write(void)
{
    NEED(open("/dev/shm/fifo", O_WRONLY) >= 0);
}

static void make_open_fifo(void)
{
    make_own_fifo();
    ends[0] = ends[1] = open("/dev/shm/fifo", O_RDWR);
    NEED(ends[0] >= 0);
}

static void make_unlinked_fifo(void)
{
    NEED(mkfifo("fifo", 0600) == 0);
    ends[0] = ends[1] = open("fifo", O_RDWR);
    NEED(ends[0] >= 0 && unlink("fifo") == 0);
}

static void make_shared_fifo(void)
{
    NEED(mkfifo("fifo", 0600) == 0);
}

static void open_shared_fifo(void)
{
    NEED(open("fifo", O_RDONLY) >= 0);
}

static void open_shared_fifo_to_write(void)
{
    NEED(open("fifo", O_WRONLY) >= 0);
}

static void make_eventfd(void)
{
    NEED((file = eventfd(0, 0)) >= 0);
}

static void make_full_eventfd(void)
{
    make_eventfd();
    NEED(eventfd_write(file, UINT64_MAX - 1) == 0);
}

static void read_eventfd(void)
{
    eventfd_t value;
    NEED(eventfd_read(file, &value) == 0);
}

static void write_eventfd(void)
{
    NEED(eventfd_write(file, 1) == 0);
}

static void make_timerfd(void)
{
    NEED((file = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0);
}

static void arm_timerfd(void)
{
    NEED(timerfd_settime(file, 0, &(struct itimerspec){.it_value.tv_nsec = 1000}, NULL) == 0);
}

static void make_armed_timerfd(void)
{
    make_timerfd();
    NEED(timerfd_settime(file, 0, &(struct itimerspec){.it_value.tv_sec = 1000}, NULL) == 0);
}

static void make_signalfd(int number)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, number);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    NEED((file = signalfd(-1, &signals, 0)) >= 0);
}

static void make_user_signalfd(void)
{
    make_signalfd(SIGUSR1);
}

static void make_child_signalfd(void)
{
    make_signalfd(SIGCHLD);
}

static void send_user_signal(void)
{
    kill(getppid(), SIGUSR1);
}

static void read_file(void)
{
    NEED(read(file, bytes, sizeof(bytes)) > 0);
}

static void make_inotify(void)
{
    NEED((file = inotify_init1(0)) >= 0 && inotify_add_watch(file, "/dev/shm", IN_CREATE) >= 0);
}

/* The watch has gone with the directory; that it went is the last thing that was told. */
static void make_idle_inotify(void)
{
    NEED(mkdir("/dev/shm/gone", 0700) == 0 && (file = inotify_init1(0)) >= 0);
    NEED(inotify_add_watch(file, "/dev/shm/gone", IN_CREATE) >= 0 && rmdir("/dev/shm/gone") == 0);
    NEED(read(file, bytes, sizeof(bytes)) > 0);
}

static void watch_and_create(void)
{
    NEED(inotify_add_watch(file, "/dev/shm", IN_CREATE) >= 0);
    NEED(open("/dev/shm/new", O_CREAT | O_WRONLY, 0600) >= 0);
}

static void create_file(void)
{
    NEED(open("/dev/shm/new", O_CREAT | O_WRONLY, 0600) >= 0);
}

static void make_terminal(void)
{
    NEED(openpty(&ends[1], &ends[0], NULL, NULL, NULL) == 0);
    file = ends[0];
}

static void type_line(void)
{
    NEED(write(ends[1], "x\n", 2) == 2);
}

static int other[2];

static void make_two_pipes(void)
{
    make_pipe();
    NEED(pipe(other) == 0);
}

static void splice_pipe(void)
{
    NEED(splice(ends[0], NULL, other[1], NULL, 1, 0) == 1);
}

static void tee_pipe(void)
{
    NEED(tee(ends[0], other[1], 1, 0) == 1);
}

static void make_file_and_full_pipe(void)
{
    make_full_pipe();
    NEED((file = memfd_create("data", 0)) >= 0 && write(file, bytes, sizeof(bytes)) == sizeof(bytes));
}

static void send_file(void)
{
    off_t offset = 0;
    NEED(sendfile(ends[1], file, &offset, 1) == 1);
}

static void vmsplice_end(void)
{
    struct iovec piece = {.iov_base = bytes, .iov_len = 1};
    NEED(vmsplice(ends[1], &piece, 1, 0) == 1);
}

/* The kernel will write into the eventfd as soon as standard input can be read. */
static void make_asynchronous_eventfd(void)
{
    aio_context_t context = 0;
    make_eventfd();
    struct iocb request = {.aio_lio_opcode = IOCB_CMD_POLL,
                           .aio_fildes = STDIN_FILENO,
                           .aio_buf = POLLIN,
                           .aio_flags = IOCB_FLAG_RESFD,
                           .aio_resfd = (unsigned)file};
    struct iocb *list[] = {&request};
    NEED(syscall(SYS_io_setup, 1, &context) == 0 && syscall(SYS_io_submit, context, 1, list) == 1);
}

static const struct kind kinds[] = {
    KIND("pipe-read", "read", make_pipe, NULL, read_end, write_end),
    KIND("pipe-write", "write", make_full_pipe, NULL, write_end, drain),
    KIND("pipe-end", "read", make_pipe, NULL, read_its_end, close_end),
    KIND("pipe-poll", "poll", make_pipe, NULL, poll_end, write_end),
    KIND("pipe-ppoll", "ppoll", make_pipe, NULL, ppoll_end, write_end),
    KIND("pipe-select", "select", make_pipe, NULL, select_end, write_end),
    KIND("pipe-pselect", "pselect6", make_pipe, NULL, pselect_end, write_end),
    KIND("pipe-splice", "splice", make_two_pipes, NULL, splice_pipe, write_end),
    KIND("pipe-tee", "tee", make_two_pipes, NULL, tee_pipe, write_end),
    KIND("pipe-sendfile", "sendfile", make_file_and_full_pipe, NULL, send_file, drain),
    KIND("pipe-vmsplice", "vmsplice", make_full_pipe, NULL, vmsplice_end, drain),
    KIND("epoll", "epoll_wait", make_epoll, NULL, await_epoll, write_end),
    KIND("epoll-nested", "epoll_wait", make_nested_epoll, NULL, await_epoll, write_end),
    KIND("epoll-once", "epoll_wait", make_spent_epoll, NULL, await_epoll, arm_epoll),
    KIND("epoll-edge", "epoll_wait", make_edged_epoll, NULL, await_epoll, write_end),
    KIND("fifo-open-read", "openat", make_own_fifo, NULL, open_own_fifo, open_own_fifo_to_write),
    KIND("fifo-open-write", "openat", make_own_fifo, NULL, open_own_fifo_to_write, open_own_fifo),
    KIND("fifo-open-shared", "openat", make_shared_fifo, NULL, open_shared_fifo, open_shared_fifo_to_write,
         .claim = NEVER),
    KIND("fifo-read", "read", make_open_fifo, NULL, read_end, write_end),
    KIND("fifo-read-unlinked", "read", make_unlinked_fifo, NULL, read_end, write_end),
    KIND("eventfd-read", "read", make_eventfd, NULL, read_eventfd, write_eventfd),
    KIND("eventfd-write", "write", make_full_eventfd, NULL, write_eventfd, read_eventfd),
    KIND("eventfd-asynchronous", "read", make_asynchronous_eventfd, NULL, read_eventfd, NULL, .claim = NEVER),
    KIND("timerfd", "read", make_timerfd, NULL, read_file, arm_timerfd),
    KIND("timerfd-armed", "read", make_armed_timerfd, NULL, read_file, arm_timerfd, .claim = NEVER),
    KIND("signalfd", "read", make_user_signalfd, NULL, read_file, send_user_signal, .claim = NEVER),
    KIND("signalfd-child", "read", make_child_signalfd, NULL, read_file, NULL),
    KIND("inotify", "read", make_inotify, NULL, read_file, create_file),
    KIND("inotify-idle", "read", make_idle_inotify, NULL, read_file, watch_and_create),
    KIND("terminal", "read", make_terminal, NULL, read_file, type_line, .claim = NEVER),
};
const struct kinds descriptor_kinds = KINDS(kinds);
