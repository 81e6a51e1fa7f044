/* Sockets: pairs, listeners, full buffers, TCP over the loopback. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kinds.h"

static int ends[2], listener;
static char bytes[65536];
static const struct sockaddr_un own_path = {.sun_family = AF_UNIX, .sun_path = "/dev/shm/listener"};
static struct sockaddr_in loopback = {.sin_family = AF_INET};

static void make_pair(void)
{
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
}

static void fill(int fd, size_t size)
{
    set_blocking(fd, false);
    while (write(fd, bytes, size) > 0)
        ;
    set_blocking(fd, true);
}

static void make_full_pair(void)
{
    make_pair();
    fill(ends[1], sizeof(bytes));
    fill(ends[1], 1);
}

static void make_full_datagrams(void)
{
    NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    fill(ends[1], 16);
}

static void receive(void)
{
    NEED(recv(ends[0], bytes, 1, 0) == 1);
}

static void receive_end(void)
{
    NEED(recv(ends[0], bytes, 1, 0) == 0);
}

static void transmit(void)
{
    NEED(send(ends[1], "x", 1, 0) == 1);
}

static void drain(void)
{
    read_all_there_is(ends[0]);
}

static void shut_down_same_end(void)
{
    NEED(shutdown(ends[0], SHUT_RD) == 0);
}

static void make_listener(int backlog)
{
    NEED((listener = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
    NEED(bind(listener, (const struct sockaddr *)&own_path, sizeof(own_path)) == 0);
    NEED(listen(listener, backlog) == 0);
}

static void make_idle_listener(void)
{
    make_listener(1);
}

static int connect_to_own(int flags)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);
    return fd >= 0 ? connect(fd, (const struct sockaddr *)&own_path, sizeof(own_path)) : -1;
}

static void make_full_listener(void)
{
    make_listener(0);
    while (connect_to_own(SOCK_NONBLOCK) == 0)
        ;
}

static void take_connection(void)
{
    NEED(accept(listener, NULL, NULL) >= 0);
}

static void connect_own(void)
{
    NEED(connect_to_own(0) == 0);
}

static void make_tcp_listener(void)
{
    socklen_t length = sizeof(loopback);
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    NEED((listener = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
    NEED(bind(listener, (struct sockaddr *)&loopback, length) == 0 && listen(listener, 1) == 0);
    NEED(getsockname(listener, (struct sockaddr *)&loopback, &length) == 0);
}

static int connect_tcp(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    NEED(fd >= 0 && connect(fd, (struct sockaddr *)&loopback, sizeof(loopback)) == 0);
    return fd;
}

static void wake_tcp_listener(void)
{
    connect_tcp();
}

static void make_tcp_pair(void)
{
    make_tcp_listener();
    ends[1] = connect_tcp();
    NEED((ends[0] = accept(listener, NULL, NULL)) >= 0);
    close(listener);
}

/* Nothing is on its way any more, and the receiver takes nothing. */
static bool is_at_rest(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    NEED(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
    return info.tcpi_unacked == 0 && info.tcpi_snd_wnd == 0;
}

static void make_full_tcp_pair(void)
{
    /* What was written moves on to the receiver, whose window grows meanwhile: full is what stays full. */
    make_tcp_pair();
    do {
        fill(ends[1], sizeof(bytes));
        fill(ends[1], 1);
        poll(NULL, 0, 1);
    } while (!is_at_rest(ends[1]) || send(ends[1], bytes, 1, MSG_DONTWAIT) == 1);
}

/* A last byte might still fit. */
static void transmit_much(void)
{
    NEED(send(ends[1], bytes, sizeof(bytes), 0) == sizeof(bytes));
}

/* More than fits: when the sender falls asleep, part of it is still on its way to the receiver. */
static char burst[32 << 20];

static void transmit_burst(void)
{
    NEED(send(ends[1], burst, sizeof(burst), 0) == sizeof(burst));
}

static void receive_burst(void)
{
    NEED(recv(ends[0], burst, sizeof(burst), MSG_WAITALL) == sizeof(burst));
}

static const struct kind kinds[] = {
    KIND("socket-read", "recvfrom", make_pair, NULL, receive, transmit),
    KIND("socket-write", "sendto", make_full_pair, NULL, transmit, drain),
    KIND("socket-shutdown", "recvfrom", make_pair, NULL, receive_end, shut_down_same_end),
    KIND("socket-datagrams-full", "sendto", make_full_datagrams, NULL, transmit, drain),
    KIND("socket-accept", "accept", make_idle_listener, NULL, take_connection, connect_own),
    KIND("socket-connect", "connect", make_full_listener, NULL, connect_own, take_connection),
    KIND("tcp-accept", "accept", make_tcp_listener, NULL, take_connection, wake_tcp_listener, .claim = NEVER),
    KIND("tcp-read", "recvfrom", make_tcp_pair, NULL, receive, transmit),
    KIND("tcp-write", "sendto", make_full_tcp_pair, NULL, transmit_much, drain),
    KIND("tcp-write-burst", "sendto", make_tcp_pair, NULL, transmit_burst, receive_burst, .claim = SETTLED),
};
const struct kinds socket_kinds = KINDS(kinds);
