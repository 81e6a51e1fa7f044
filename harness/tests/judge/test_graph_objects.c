/* Sockets, poll, epoll and the rarer descriptors in the graph. */
#include <criterion/criterion.h>
#include <signal.h>

#include "scene.h"

static struct scene s;

static void open_scene(void)
{
    scene_open(&s);
}

static void close_scene(void)
{
    scene_close(&s);
}

TestSuite(graph_objects, .init = open_scene, .fini = close_scene, .timeout = 10);

static void expect_stuck(const char *threads)
{
    cr_assert_str_eq(scene_stuck(&s), threads);
}

static struct pf_object *socket_pair(const char *a, const char *holder_a, const char *b, const char *holder_b)
{
    struct pf_object *left = scene_object(&s, PF_OBJECT_SOCKET, a);
    left->peer = b;
    scene_holder(&s, left, holder_a, "rw");
    struct pf_object *right = scene_object(&s, PF_OBJECT_SOCKET, b);
    right->peer = a;
    scene_holder(&s, right, holder_b, "rw");
    return pf_snapshot_object(&s.snapshot, a) ? &s.snapshot.objects[s.snapshot.object_count - 2] : NULL;
}

Test(graph_objects, sockets_that_read_from_each_other_are_stuck)
{
    scene_reads(&s, "0", "socket:a");
    scene_reads(&s, "0.1", "socket:b");
    socket_pair("socket:a", "0", "socket:b", "0.1");
    expect_stuck("0 0.1");
}

Test(graph_objects, a_socket_with_its_peer_outside_is_not)
{
    scene_reads(&s, "0", "socket:a");
    socket_pair("socket:a", "0", "socket:b", "0");
    expect_stuck("0");
    s.snapshot.objects[0].peer = NULL;
    s.snapshot.objects[0].peer_outside = true;
    expect_stuck("");
}

Test(graph_objects, a_socket_whose_peer_nobody_knows_is_no_proof)
{
    scene_reads(&s, "0", "socket:a");
    scene_holder(&s, scene_object(&s, PF_OBJECT_SOCKET, "socket:a"), "0", "rw");
    expect_stuck("");
}

Test(graph_objects, a_listener_can_be_connected_to_by_anybody_who_lives)
{
    scene_target(&s, scene_actor(&s, "0.1", PF_WAIT_ACCEPT), "socket:l");
    struct pf_object *listener = scene_object(&s, PF_OBJECT_SOCKET, "socket:l");
    listener->listening = true;
    scene_holder(&s, listener, "0.1", "rw");
    expect_stuck("0.1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    expect_stuck("");
}

Test(graph_objects, a_connection_waits_for_who_holds_the_listener)
{
    scene_target(&s, scene_actor(&s, "0.1", PF_WAIT_CONNECT), "socket:l");
    struct pf_object *listener = scene_object(&s, PF_OBJECT_SOCKET, "socket:l");
    listener->listening = true;
    scene_holder(&s, listener, "0.2", "rw");
    scene_reads(&s, "0.2", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.2", "0.2");
    expect_stuck("0.1 0.2");
    s.snapshot.threads[1].wait.timed = true;
    expect_stuck("");
}

Test(graph_objects, a_connection_to_who_knows_whom_is_no_proof)
{
    scene_target(&s, scene_actor(&s, "0", PF_WAIT_CONNECT), "socket:a");
    scene_holder(&s, scene_object(&s, PF_OBJECT_SOCKET, "socket:a"), "0", "rw");
    expect_stuck("");
}

Test(graph_objects, a_listener_that_others_share_may_be_served_by_them)
{
    scene_target(&s, scene_actor(&s, "0", PF_WAIT_CONNECT), "socket:l");
    struct pf_object *listener = scene_object(&s, PF_OBJECT_SOCKET, "socket:l");
    listener->listening = true;
    scene_holder(&s, listener, "0", "rw");
    expect_stuck("0");
    s.snapshot.objects[0].external = true;
    expect_stuck("");
}

Test(graph_objects, poll_ends_when_one_of_many_can_come)
{
    struct pf_thread_state *poller = scene_actor(&s, "0", PF_WAIT_POLL);
    scene_target(&s, poller, "pipe:1");
    scene_target(&s, poller, "pipe:2");
    scene_pipe(&s, "pipe:1", "0", "0");
    scene_pipe(&s, "pipe:2", "0", "0");
    expect_stuck("0");
    scene_actor(&s, "0.1", PF_WAIT_SLEEP);
    scene_holder(&s, &s.snapshot.objects[1], "0.1", "w");
    expect_stuck("");
}

Test(graph_objects, epoll_is_followed_into_its_members_and_theirs)
{
    scene_reads(&s, "0.1", "epoll:1");
    struct pf_object *inner = scene_object(&s, PF_OBJECT_EPOLL, "epoll:2");
    const char *pipes[] = {"pipe:1"};
    inner->members = pipes;
    inner->member_count = 1;
    struct pf_object *outer = scene_object(&s, PF_OBJECT_EPOLL, "epoll:1");
    const char *sets[] = {"epoll:2"};
    outer->members = sets;
    outer->member_count = 1;
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0.1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    scene_holder(&s, &s.snapshot.objects[2], "0.2", "w");
    expect_stuck("");
}

/* Told once of data that is still there, an edge-triggered set says nothing again. */
Test(graph_objects, data_behind_an_epoll_set_need_not_wake)
{
    scene_reads(&s, "0", "epoll:1");
    struct pf_object *set = scene_object(&s, PF_OBJECT_EPOLL, "epoll:1");
    const char *members[] = {"pipe:1"};
    set->members = members;
    set->member_count = 1;
    scene_pipe(&s, "pipe:1", "0", "0")->queued = 1;
    expect_stuck("0");
}

Test(graph_objects, epoll_may_wait_for_room)
{
    scene_reads(&s, "0.1", "epoll:1");
    struct pf_object *set = scene_object(&s, PF_OBJECT_EPOLL, "epoll:1");
    const char *members[] = {"pipe:1"};
    set->members = members;
    set->member_count = 1;
    scene_pipe(&s, "pipe:1", "0.1", "0.2");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    expect_stuck("");
}

Test(graph_objects, a_member_that_nobody_described_may_be_anything)
{
    scene_reads(&s, "0", "epoll:1");
    struct pf_object *set = scene_object(&s, PF_OBJECT_EPOLL, "epoll:1");
    const char *members[] = {"pipe:404"};
    set->members = members;
    set->member_count = 1;
    expect_stuck("");
}

Test(graph_objects, who_shares_an_epoll_set_may_change_it)
{
    scene_reads(&s, "0.1", "epoll:1");
    scene_actor(&s, "0.2", PF_WAIT_SIGNAL);
    struct pf_object *set = scene_object(&s, PF_OBJECT_EPOLL, "epoll:1");
    scene_holder(&s, set, "0.1", "rw");
    expect_stuck("0.1");
    scene_holder(&s, set, "0.2", "rw");
    expect_stuck("");
}

Test(graph_objects, epoll_sets_in_a_circle_end_the_search)
{
    scene_reads(&s, "0", "epoll:1");
    struct pf_object *set = scene_object(&s, PF_OBJECT_EPOLL, "epoll:1");
    const char *self[] = {"epoll:1"};
    set->members = self;
    set->member_count = 1;
    expect_stuck("");
}

Test(graph_objects, a_pidfd_waits_for_the_end_of_its_process)
{
    scene_target(&s, scene_actor(&s, "0", PF_WAIT_POLL), "pidfd:1");
    scene_object(&s, PF_OBJECT_PIDFD, "pidfd:1")->pid_of = "0.1";
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0 0.1");
    s.snapshot.threads[1].wait.timed = true;
    expect_stuck("");
}

Test(graph_objects, an_eventfd_is_signalled_by_its_holders)
{
    scene_reads(&s, "0", "eventfd:1");
    struct pf_object *event = scene_object(&s, PF_OBJECT_EVENTFD, "eventfd:1");
    scene_holder(&s, event, "0", "rw");
    expect_stuck("0");
    scene_actor(&s, "0.1", PF_WAIT_SLEEP);
    scene_holder(&s, &s.snapshot.objects[0], "0.1", "rw");
    expect_stuck("");
}

Test(graph_objects, a_timerfd_that_is_armed_expires)
{
    scene_reads(&s, "0", "timerfd:1");
    struct pf_object *timer = scene_object(&s, PF_OBJECT_TIMERFD, "timerfd:1");
    scene_holder(&s, timer, "0", "rw");
    expect_stuck("0");
    s.snapshot.objects[0].armed = true;
    expect_stuck("");
}

Test(graph_objects, a_terminal_an_inotify_and_a_signalfd_are_open_to_the_world)
{
    scene_reads(&s, "0.1", "tty");
    scene_reads(&s, "0.2", "inotify");
    scene_reads(&s, "0.3", "signalfd");
    scene_object(&s, PF_OBJECT_TTY, "tty");
    scene_object(&s, PF_OBJECT_INOTIFY, "inotify")->armed = true;
    scene_object(&s, PF_OBJECT_SIGNALFD, "signalfd");
    expect_stuck("");
}

Test(graph_objects, an_inotify_that_watches_nothing_is_left_to_its_holders)
{
    scene_reads(&s, "0", "inotify");
    scene_holder(&s, scene_object(&s, PF_OBJECT_INOTIFY, "inotify"), "0", "r");
    expect_stuck("0");
    scene_actor(&s, "0.1", PF_WAIT_SLEEP);
    scene_holder(&s, &s.snapshot.objects[0], "0.1", "r");
    expect_stuck("");
}

Test(graph_objects, a_fifo_can_be_opened_by_anybody)
{
    scene_target(&s, scene_actor(&s, "0", PF_WAIT_OPEN), "fifo:1");
    scene_object(&s, PF_OBJECT_FIFO, "fifo:1")->external = true;
    expect_stuck("");
    s.snapshot.threads[0].wait.kind = PF_WAIT_READ;
    scene_holder(&s, &s.snapshot.objects[0], "0", "rw");
    expect_stuck("");
}

Test(graph_objects, what_only_the_tree_can_name_is_open_to_those_who_live)
{
    static const enum pf_object_kind kinds[] = {PF_OBJECT_FIFO, PF_OBJECT_SYSV, PF_OBJECT_MQUEUE,
                                                PF_OBJECT_INOTIFY};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct pf_thread_state *reader = scene_actor(&s, "0", PF_WAIT_READ);
        scene_target(&s, reader, "named");
        struct pf_object *object = scene_object(&s, kinds[i], "named");
        scene_holder(&s, object, "0", "rw");
        object->named = true;
        expect_stuck("0");
        s.snapshot.processes[0].handles_requests = true; /* its handler may come to the object as well */
        expect_stuck("");
        s.snapshot.processes[0].handles_requests = false;
        scene_actor(&s, "0.1", PF_WAIT_SIGNAL); /* nobody of the tree can wake it, but somebody else */
        expect_stuck("");
        scene_close(&s);
        scene_open(&s);
    }
}

Test(graph_objects, the_other_end_of_a_fifo_of_the_tree_is_opened_by_the_tree)
{
    scene_target(&s, scene_actor(&s, "0", PF_WAIT_OPEN), "fifo:1");
    scene_object(&s, PF_OBJECT_FIFO, "fifo:1")->named = true;
    expect_stuck("0");
    scene_actor(&s, "0.1", PF_WAIT_SIGNAL);
    expect_stuck("");
}

Test(graph_objects, sigchld_comes_from_the_tree_and_every_other_signal_from_anybody)
{
    struct pf_thread_state *thread = scene_actor(&s, "0", PF_WAIT_SIGNAL);
    expect_stuck("");
    thread->wait.signals = 1ull << (SIGCHLD - 1) | 1ull << (SIGSEGV - 1) | 1ull << 31;
    expect_stuck("0");
    thread->wait.signals |= 1ull << (SIGTERM - 1);
    expect_stuck("");
    thread->wait.signals = 1ull << (SIGCHLD - 1);
    scene_actor(&s, "0.1", PF_WAIT_STOPPED);
    expect_stuck("");
}
