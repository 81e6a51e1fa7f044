/* Waiting for any of several descriptors, and what stands behind each kind of descriptor. */
#include "scene.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int first[2], second[2];

static void open_pipes(void)
{
    cr_assert_eq(pipe(first), 0);
    cr_assert_eq(pipe(second), 0);
}

static const struct pf_target *target_of(const struct scene *scene, const char *thread, int64_t fd)
{
    const struct pf_wait *wait = scene_wait(scene, thread);
    for (size_t i = 0; i < wait->target_count; i++)
        if (wait->targets[i].fd == fd)
            return &wait->targets[i];
    return NULL;
}

static void play_poll(void *context)
{
    int timeout = *(int *)context;
    struct pollfd set[] = {{.fd = first[0], .events = POLLIN},
                           {.fd = -1, .events = POLLIN},
                           {.fd = second[0], .events = POLLPRI}};
    scene_mark();
    poll(set, 3, timeout);
}

Test(poll, every_descriptor_is_a_target, .timeout = 60)
{
    open_pipes();
    int timeout = -1;
    struct scene *scene = scene_play(play_poll, &timeout, 1);
    scene_assert_wait(scene, "0", PF_WAIT_POLL, "poll");
    cr_assert_not(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_wait(scene, "0")->target_count, 2);
    const struct pf_target *target = target_of(scene, "0", first[0]);
    cr_assert(target && target->readable && !target->writable);
    cr_assert(target_of(scene, "0", second[0]));
    scene_end(scene);
}

Test(poll, a_timeout_makes_it_timed, .timeout = 60)
{
    open_pipes();
    int timeout = 1000000;
    struct scene *scene = scene_play(play_poll, &timeout, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_wait(scene, "0")->timeout_ns, 1000000000000ull);
    scene_end(scene);
}

/* After a stop the kernel hides which call it was: an endless poll must not pass for a timed sleep. */
Test(poll, an_endless_poll_that_was_stopped_is_still_endless, .timeout = 60)
{
    open_pipes();
    int timeout = -1, status;
    struct scene *scene = scene_play(play_poll, &timeout, 1);
    kill(scene->root, SIGSTOP);
    cr_assert_eq(waitpid(scene->root, &status, WUNTRACED), scene->root);
    kill(scene->root, SIGCONT);
    cr_assert_eq(waitpid(scene->root, &status, WCONTINUED), scene->root);
    scene_settle_again(scene);
    scene_assert_wait(scene, "0", PF_WAIT_POLL, "restart_syscall");
    cr_assert_not(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_wait(scene, "0")->target_count, 2);
    scene_end(scene);
}

static void play_ppoll(void *context)
{
    struct pollfd set = {.fd = first[1], .events = 0};
    scene_mark();
    ppoll(&set, 1, context, NULL);
}

Test(poll, a_write_end_without_events_waits_for_the_end_of_its_readers, .timeout = 60)
{
    open_pipes();
    struct scene *scene = scene_play(play_ppoll, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_POLL, "ppoll");
    cr_assert(scene_wait(scene, "0")->targets[0].writable);
    cr_assert_not(scene_wait(scene, "0")->targets[0].readable);
    scene_end(scene);
    struct timespec limit = {.tv_sec = 1000};
    scene = scene_play(play_ppoll, &limit, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

static void play_poll_for_room_in_a_read_end(void *context)
{
    (void)context;
    struct pollfd set = {.fd = first[0], .events = POLLOUT};
    scene_mark();
    poll(&set, 1, -1);
}

Test(poll, a_read_end_waits_for_the_end_of_its_writers_whatever_it_asks_for, .timeout = 60)
{
    open_pipes();
    struct scene *scene = scene_play(play_poll_for_room_in_a_read_end, NULL, 1);
    cr_assert(scene_wait(scene, "0")->targets[0].readable);
    scene_end(scene);
}

static void play_poll_nothing(void *context)
{
    (void)context;
    scene_mark();
    poll(NULL, 0, -1);
}

Test(poll, nothing_to_poll_is_a_wait_for_a_signal, .timeout = 60)
{
    struct scene *scene = scene_play(play_poll_nothing, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_SIGNAL, "poll");
    scene_end(scene);
}

static void play_select(void *context)
{
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(first[0], &in);
    int high = dup2(second[0], 100);
    FD_SET(high, &in);
    scene_mark();
    select(high + 1, &in, &out, NULL, context);
}

Test(poll, select_reads_the_bits, .timeout = 60)
{
    open_pipes();
    struct scene *scene = scene_play(play_select, NULL, 1);
    /* The C library goes by select or pselect6. */
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_POLL);
    cr_assert_not(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_wait(scene, "0")->target_count, 2);
    cr_assert(target_of(scene, "0", first[0])->readable);
    cr_assert(target_of(scene, "0", 100)->readable);
    scene_end(scene);
    struct timeval limit = {.tv_sec = 1000};
    scene = scene_play(play_select, &limit, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

static int watch(int set, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void play_epoll(void *context)
{
    int inner = epoll_create1(0), outer = epoll_create1(0);
    watch(inner, second[0]);
    watch(outer, first[0]);
    watch(outer, inner);
    struct epoll_event event;
    scene_mark();
    epoll_wait(outer, &event, 1, *(int *)context);
}

Test(poll, an_epoll_set_has_members_and_they_have_theirs, .timeout = 60)
{
    open_pipes();
    int timeout = -1;
    struct scene *scene = scene_play(play_epoll, &timeout, 1);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_POLL);
    const struct pf_object *outer = scene_object(scene, "0");
    cr_assert_eq(outer->kind, PF_OBJECT_EPOLL);
    cr_assert_not(outer->external);
    cr_assert_eq(outer->holder_count, 1);
    cr_assert_eq(outer->member_count, 2);
    size_t pipes = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct pf_object *member = pf_snapshot_object(&scene->snapshot, outer->members[i]);
        cr_assert(member);
        if (member->kind == PF_OBJECT_PIPE) {
            pipes++;
            continue;
        }
        cr_assert_eq(member->kind, PF_OBJECT_EPOLL);
        cr_assert_eq(member->member_count, 1);
        cr_assert_eq(pf_snapshot_object(&scene->snapshot, member->members[0])->kind, PF_OBJECT_PIPE);
    }
    cr_assert_eq(pipes, 1);
    scene_end(scene);
    timeout = 1000000;
    scene = scene_play(play_epoll, &timeout, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

static void play_epoll_by_edge_and_once(void *context)
{
    int set = epoll_create1(0);
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET}, once = {.events = EPOLLIN | EPOLLONESHOT}, told;
    epoll_ctl(set, EPOLL_CTL_ADD, first[0], &edge);
    epoll_ctl(set, EPOLL_CTL_ADD, second[0], &once);
    bool fires = *(int *)context;
    if (fires && (write(second[1], "x", 1) != 1 || epoll_wait(set, &told, 1, -1) != 1))
        _exit(1);
    scene_mark();
    epoll_wait(set, &told, 1, -1);
}

Test(poll, an_epoll_set_tells_of_a_member_once_where_that_was_asked_for, .timeout = 60)
{
    for (int fires = 0; fires < 2; fires++) {
        open_pipes();
        struct scene *scene = scene_play(play_epoll_by_edge_and_once, &fires, 1);
        const struct pf_object *set = scene_object(scene, "0");
        cr_assert_eq(set->member_count, fires ? 1 : 2);
        cr_assert_eq(set->disarmed_count, fires ? 1 : 0);
        cr_assert_eq(set->edge_count, 1);
        /* Members come in no order. */
        cr_assert(strcmp(set->edges[0], set->members[0]) == 0 ||
                  (!fires && strcmp(set->edges[0], set->members[1]) == 0));
        scene_end(scene);
    }
}

static int inherited_set;

static void play_wait_inherited(void *context)
{
    (void)context;
    struct epoll_event event;
    scene_mark();
    epoll_wait(inherited_set, &event, 1, -1);
}

static void play_epoll_of_two(void *context)
{
    inherited_set = epoll_create1(0);
    watch(inherited_set, first[0]);
    scene_fork(play_wait_inherited, context);
    int own = epoll_create1(0);
    watch(own, second[0]);
    struct epoll_event event;
    scene_mark();
    epoll_wait(own, &event, 1, -1);
}

Test(poll, an_inherited_epoll_set_is_one_object_and_another_set_is_not, .timeout = 60)
{
    open_pipes();
    struct scene *scene = scene_play(play_epoll_of_two, NULL, 2);
    const struct pf_object *own = scene_object(scene, "0"), *inherited = scene_object(scene, "0.1");
    cr_assert_str_neq(own->id, inherited->id);
    cr_assert_eq(own->holder_count, 1);
    cr_assert_eq(inherited->holder_count, 2);
    scene_end(scene);
}

static void play_epoll_of_closed(void *context)
{
    /* Watched still, because the test has it open, but of no number here. */
    int set = epoll_create1(0);
    watch(set, first[0]);
    close(first[0]);
    if (!context)
        close(first[1]);
    struct epoll_event event;
    scene_mark();
    epoll_wait(set, &event, 1, -1);
}

Test(poll, a_member_that_cannot_be_found_makes_the_set_external, .timeout = 60)
{
    open_pipes();
    struct scene *scene = scene_play(play_epoll_of_closed, NULL, 1);
    cr_assert(scene_object(scene, "0")->external);
    cr_assert_eq(scene_object(scene, "0")->member_count, 0);
    scene_end(scene);
    /* With the other end of the pipe open, the pipe is found by its inode. */
    scene = scene_play(play_epoll_of_closed, first, 1);
    cr_assert_not(scene_object(scene, "0")->external);
    cr_assert_eq(scene_object(scene, "0")->member_count, 1);
    scene_end(scene);
}

static void read_from(int fd)
{
    char room[1024];
    scene_mark();
    if (read(fd, room, sizeof(room)) < 0)
        _exit(1);
}

static void play_eventfd_child(void *context)
{
    (void)context;
    scene_mark();
    pause();
}

static void play_eventfds(void *context)
{
    int other = eventfd(0, 0), fd = eventfd(0, 0);
    scene_fork(play_eventfd_child, context);
    close(other);
    read_from(fd);
}

Test(poll, eventfds_are_told_apart, .timeout = 60)
{
    struct scene *scene = scene_play(play_eventfds, NULL, 2);
    scene_assert_wait(scene, "0", PF_WAIT_READ, "read");
    const struct pf_object *object = scene_object(scene, "0");
    cr_assert_eq(object->kind, PF_OBJECT_EVENTFD);
    cr_assert_eq(object->holder_count, 2);
    cr_assert(scene_holder(object, "0.1", scene_wait(scene, "0")->targets[0].fd));
    cr_assert_not(object->external);
    scene_end(scene);
}

static void play_timerfd(void *context)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec in = {.it_value.tv_sec = 1000};
    if (context)
        timerfd_settime(fd, 0, &in, NULL);
    read_from(fd);
}

Test(poll, a_timerfd_is_armed_or_not, .timeout = 60)
{
    struct scene *scene = scene_play(play_timerfd, NULL, 1);
    cr_assert_eq(scene_object(scene, "0")->kind, PF_OBJECT_TIMERFD);
    cr_assert_not(scene_object(scene, "0")->armed);
    scene_end(scene);
    scene = scene_play(play_timerfd, first, 1);
    cr_assert(scene_object(scene, "0")->armed);
    scene_end(scene);
}

static void play_signalfd(void *context)
{
    (void)context;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    read_from(signalfd(-1, &set, 0));
}

static void play_inotify(void *context)
{
    (void)context;
    int fd = inotify_init1(0);
    inotify_add_watch(fd, "/tmp", IN_DELETE_SELF);
    read_from(fd);
}

static void play_idle_inotify(void *context)
{
    (void)context;
    read_from(inotify_init1(0));
}

static void play_terminal(void *context)
{
    (void)context;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master))
        _exit(1);
    read_from(open(ptsname(master), O_RDWR | O_NOCTTY));
}

Test(poll, kinds_of_descriptors, .timeout = 60)
{
    const struct {
        void (*play)(void *);
        enum pf_object_kind kind;
        bool external;
    } cases[] = {
        {play_signalfd, PF_OBJECT_SIGNALFD, false},
        {play_inotify, PF_OBJECT_INOTIFY, true},
        {play_idle_inotify, PF_OBJECT_INOTIFY, false},
        {play_terminal, PF_OBJECT_TTY, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *scene = scene_play(cases[i].play, NULL, 1);
        cr_assert_eq(scene_object(scene, "0")->kind, cases[i].kind);
        cr_assert_eq(scene_object(scene, "0")->external, cases[i].external);
        cr_assert_eq(scene_object(scene, "0")->armed, cases[i].play == play_inotify);
        scene_end(scene);
    }
}

static void play_poll_pidfd(void *context)
{
    pid_t child = scene_fork(play_eventfd_child, context);
    struct pollfd set[] = {
        {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN},
        {.fd = (int)syscall(SYS_pidfd_open, 1, 0), .events = POLLIN},
    };
    scene_mark();
    poll(set, 2, -1);
}

Test(poll, a_pidfd_stands_for_its_process, .timeout = 60)
{
    struct scene *scene = scene_play(play_poll_pidfd, NULL, 2);
    const struct pf_wait *wait = scene_wait(scene, "0");
    cr_assert_eq(wait->target_count, 2);
    const struct pf_object *child = pf_snapshot_object(&scene->snapshot, wait->targets[0].object);
    cr_assert_eq(child->kind, PF_OBJECT_PIDFD);
    cr_assert_str_eq(child->pid_of, "0.1");
    cr_assert_not(child->external);
    const struct pf_object *stranger = pf_snapshot_object(&scene->snapshot, wait->targets[1].object);
    cr_assert_null(stranger->pid_of);
    cr_assert(stranger->external);
    scene_end(scene);
}
