/* Sockets: who is at the other end. */
#include "scene.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int pair[2];

static void receive(int fd)
{
    char byte;
    scene_mark();
    if (recv(fd, &byte, 1, 0) < 0)
        _exit(1);
}

static void play_receive(void *context)
{
    (void)context;
    close(pair[1]);
    receive(pair[0]);
}

static void play_pair(void *context)
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        _exit(1);
    scene_fork(play_receive, context);
    close(pair[0]);
    scene_mark();
    pause();
}

Test(sockets, a_pair_knows_its_other_end, .timeout = 60)
{
    struct scene *scene = scene_play(play_pair, NULL, 2);
    scene_assert_wait(scene, "0.1", PF_WAIT_READ, "recvfrom");
    const struct pf_object *mine = scene_object(scene, "0.1");
    cr_assert_eq(mine->kind, PF_OBJECT_SOCKET);
    cr_assert_not(mine->external);
    cr_assert_not(mine->peer_outside);
    cr_assert_eq(mine->holder_count, 1);
    const struct pf_object *peer = pf_snapshot_object(&scene->snapshot, mine->peer);
    cr_assert(peer);
    cr_assert_eq(peer->holder_count, 1);
    cr_assert_str_eq(peer->holders[0].process, "0");
    cr_assert_str_eq(peer->peer, mine->id);
    scene_end(scene);
}

Test(sockets, an_end_that_the_test_holds_is_outside, .timeout = 60)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct scene *scene = scene_play(play_receive, NULL, 1);
    cr_assert(scene_object(scene, "0")->peer_outside);
    cr_assert_null(scene_object(scene, "0")->peer);
    scene_end(scene);
}

static void play_timed_receive(void *context)
{
    struct timeval limit = {.tv_sec = 1000};
    setsockopt(pair[0], SOL_SOCKET, *(int *)context, &limit, sizeof(limit));
    receive(pair[0]);
}

Test(sockets, a_time_limit_of_the_socket_makes_the_wait_timed, .timeout = 60)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    int option = SO_RCVTIMEO;
    struct scene *scene = scene_play(play_timed_receive, &option, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_wait(scene, "0")->timeout_ns, 1000000000000ull);
    scene_end(scene);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    option = SO_SNDTIMEO; /* is about something else */
    scene = scene_play(play_timed_receive, &option, 1);
    cr_assert_not(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

static void play_fill(void *context)
{
    (void)context;
    static char much[1 << 20];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        _exit(1);
    scene_mark();
    if (send(pair[0], much, sizeof(much), 0) < 0)
        _exit(1);
}

Test(sockets, sending_to_a_full_socket, .timeout = 60)
{
    struct scene *scene = scene_play(play_fill, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_WRITE, "sendto");
    const struct pf_object *peer = pf_snapshot_object(&scene->snapshot, scene_object(scene, "0")->peer);
    cr_assert(peer);
    cr_assert_gt(peer->queued, 0);
    scene_end(scene);
}

/* An abstract name of this test's own. */
static socklen_t name_of(struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "pitfall-probe-%d", getppid());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static int listen_at_name(void)
{
    struct sockaddr_un address;
    socklen_t length = name_of(&address);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 0))
        _exit(1);
    return listener;
}

static void play_accept(void *context)
{
    (void)context;
    int listener = listen_at_name();
    scene_mark();
    accept(listener, NULL, NULL);
}

Test(sockets, a_listener_is_external, .timeout = 60)
{
    struct scene *scene = scene_play(play_accept, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_ACCEPT, "accept");
    cr_assert(scene_object(scene, "0")->listening);
    cr_assert(scene_object(scene, "0")->external);
    scene_end(scene);
}

static struct sockaddr_un name;
static socklen_t name_length;

static int connect_to_name(void)
{
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr *)&name, name_length))
        _exit(1);
    return client;
}

static int listener_of_parent;

static void play_client(void *context)
{
    (void)context;
    close(listener_of_parent);
    receive(connect_to_name());
}

static void play_never_accept(void *context)
{
    name_length = name_of(&name);
    listener_of_parent = listen_at_name();
    scene_fork(play_client, context);
    scene_mark();
    pause();
}

Test(sockets, a_connection_not_accepted_is_in_the_hands_of_the_listener, .timeout = 60)
{
    struct scene *scene = scene_play(play_never_accept, NULL, 2);
    scene_assert_wait(scene, "0.1", PF_WAIT_READ, "recvfrom");
    const struct pf_object *mine = scene_object(scene, "0.1");
    cr_assert_not(mine->peer_outside);
    const struct pf_object *peer = pf_snapshot_object(&scene->snapshot, mine->peer);
    cr_assert(peer);
    cr_assert_eq(peer->holder_count, 1);
    cr_assert_str_eq(peer->holders[0].process, "0");
    scene_end(scene);
}

static void play_second_client(void *context)
{
    (void)context;
    close(listener_of_parent);
    scene_mark();
    connect_to_name();
}

static void play_full_backlog(void *context)
{
    name_length = name_of(&name);
    listener_of_parent = listen_at_name();
    connect_to_name();
    scene_fork(play_second_client, context);
    scene_mark();
    pause();
}

Test(sockets, connecting_to_a_full_backlog_waits_for_the_listener, .timeout = 60)
{
    struct scene *scene = scene_play(play_full_backlog, NULL, 2);
    scene_assert_wait(scene, "0.1", PF_WAIT_CONNECT, "connect");
    const struct pf_object *listener = scene_object(scene, "0.1");
    cr_assert(listener->listening);
    cr_assert_eq(listener->holder_count, 1);
    cr_assert_str_eq(listener->holders[0].process, "0");
    cr_assert_not(scene_wait(scene, "0.1")->timed);
    scene_end(scene);
}

static void play_datagram(void *context)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un address;
    socklen_t length = name_of(&address);
    if (context && bind(fd, (struct sockaddr *)&address, length))
        _exit(1);
    receive(fd);
}

Test(sockets, a_named_datagram_socket_is_external_and_a_nameless_one_is_not, .timeout = 60)
{
    struct scene *scene = scene_play(play_datagram, pair, 1);
    cr_assert(scene_object(scene, "0")->external);
    scene_end(scene);
    scene = scene_play(play_datagram, NULL, 1);
    cr_assert_not(scene_object(scene, "0")->external);
    cr_assert_not(scene_object(scene, "0")->peer_outside);
    scene_end(scene);
}

/* A TCP connection over the loopback device, by a listener of one family and a client of another. */
static int tcp_listener, tcp_port;

static void tcp_listen(int family)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    socklen_t length = family == AF_INET ? sizeof(v4) : sizeof(v6);
    void *address = family == AF_INET ? (void *)&v4 : (void *)&v6;
    tcp_listener = socket(family, SOCK_STREAM, 0);
    if (bind(tcp_listener, address, length) || listen(tcp_listener, 8) ||
        getsockname(tcp_listener, address, &length))
        _exit(1);
    tcp_port = family == AF_INET ? v4.sin_port : v6.sin6_port;
}

static int tcp_connect(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = (in_port_t)tcp_port};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        _exit(1);
    return fd;
}

static void play_tcp_client(void *context)
{
    (void)context;
    close(tcp_listener);
    receive(tcp_connect());
}

static void play_tcp(void *context)
{
    tcp_listen(*(int *)context);
    scene_fork(play_tcp_client, context);
    int accepted = accept(tcp_listener, NULL, NULL);
    if (accepted < 0)
        _exit(1);
    receive(accepted);
}

Test(sockets, tcp_on_this_machine_knows_its_other_end, .timeout = 60)
{
    const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        int family = families[i];
        struct scene *scene = scene_play(play_tcp, &family, 2);
        const struct pf_object *server = scene_object(scene, "0"), *client = scene_object(scene, "0.1");
        cr_assert(server->peer && client->peer, "family %d", family);
        cr_assert_str_eq(server->peer, client->id);
        cr_assert_str_eq(client->peer, server->id);
        cr_assert_not(server->external || client->external);
        scene_end(scene);
    }
}

static void play_tcp_never_accept(void *context)
{
    tcp_listen(*(int *)context);
    scene_fork(play_tcp_client, context);
    scene_mark();
    pause();
}

Test(sockets, a_tcp_connection_not_accepted_is_in_the_hands_of_the_listener, .timeout = 60)
{
    const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        int family = families[i];
        struct scene *scene = scene_play(play_tcp_never_accept, &family, 2);
        const struct pf_object *mine = scene_object(scene, "0.1");
        const struct pf_object *peer = pf_snapshot_object(&scene->snapshot, mine->peer);
        cr_assert(peer, "family %d", family);
        cr_assert_eq(peer->holder_count, 1);
        cr_assert_str_eq(peer->holders[0].process, "0");
        scene_end(scene);
    }
}

static void play_tcp_outside(void *context)
{
    (void)context;
    receive(tcp_connect());
}

Test(sockets, a_tcp_connection_to_a_stranger_is_outside, .timeout = 60)
{
    tcp_listen(AF_INET);
    fcntl(tcp_listener, F_SETFD, FD_CLOEXEC);
    struct scene *scene = scene_begin(play_tcp_outside, NULL);
    int accepted = accept(tcp_listener, NULL, NULL);
    cr_assert_geq(accepted, 0);
    scene_settle(scene, 1);
    cr_assert(scene_object(scene, "0")->peer_outside);
    scene_end(scene);
    close(accepted);
}

static void play_udp(void *context)
{
    (void)context;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
        _exit(1);
    receive(fd);
}

Test(sockets, udp_is_external, .timeout = 60)
{
    struct scene *scene = scene_play(play_udp, NULL, 1);
    cr_assert(scene_object(scene, "0")->external);
    scene_end(scene);
}

/* Sends the write end of a pipe away and never receives it: who will is not to be known. */
static void play_travelling(void *context)
{
    int ends[2];
    char byte = 'x';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || pipe(ends))
        _exit(1);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (context) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof(control.room);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
    }
    if (sendmsg(pair[0], &message, 0) != 1)
        _exit(1);
    close(ends[1]);
    scene_mark();
    if (read(context ? ends[0] : pair[0], &byte, 1) < 0)
        _exit(1);
}

Test(sockets, descriptors_in_flight_forbid_a_proof, .timeout = 60)
{
    struct scene *scene = scene_play(play_travelling, pair, 1);
    cr_assert_eq(scene_object(scene, "0")->kind, PF_OBJECT_PIPE);
    cr_assert(scene_object(scene, "0")->external);
    cr_assert_eq(scene->snapshot.unknown_count, 1);
    scene_end(scene);
    scene = scene_play(play_travelling, NULL, 1);
    cr_assert_not(scene_object(scene, "0")->external, "plain bytes in a socket hide nothing");
    cr_assert_eq(scene->snapshot.unknown_count, 0);
    scene_end(scene);
}

static int way_out[2], own_pipe[2];

static void play_read_own_pipe_beside_a_way_out(void *context)
{
    (void)context;
    char byte;
    close(way_out[0]);
    scene_mark();
    (void)!read(own_pipe[0], &byte, 1);
}

/* Through the socket the writing end could have left the tree: nobody can see that it did not. */
Test(sockets, a_connection_to_the_outside_may_have_carried_descriptors, .timeout = 60)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, way_out), 0);
    cr_assert_eq(pipe(own_pipe), 0);
    struct scene *scene = scene_play(play_read_own_pipe_beside_a_way_out, NULL, 1);
    cr_assert(scene_object(scene, "0")->external);
    scene_end(scene);
}

Test(sockets, a_connection_that_was_given_is_taken_for_a_plain_stream, .timeout = 60)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, way_out), 0);
    cr_assert_eq(pipe(own_pipe), 0);
    struct scene *scene = scene_begin(play_read_own_pipe_beside_a_way_out, NULL);
    char given[40];
    struct stat status;
    cr_assert_eq(fstat(way_out[1], &status), 0);
    snprintf(given, sizeof(given), "socket:[%lu]", (unsigned long)status.st_ino);
    const char *ids[] = {given};
    scene->request.outside = ids;
    scene->request.outside_count = 1;
    scene_settle(scene, 1);
    cr_assert_not(scene_object(scene, "0")->external);
    scene_end(scene);
}
