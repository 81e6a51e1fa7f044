/* Pipes, children, sleeps: the waits that every tree of processes has. */
#include "scene.h"

#include <fcntl.h>

static int ends[2];

static void play_read(void *context)
{
    (void)context;
    char byte;
    scene_mark();
    if (read(ends[0], &byte, 1) < 0)
        _exit(1);
}

static void play_fill(void *context)
{
    (void)context;
    static char much[1 << 20];
    scene_mark();
    if (write(ends[1], much, sizeof(much)) < 0)
        _exit(1);
}

static void play_reader_and_holder(void *context)
{
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    scene_fork(play_read, context);
    close(ends[0]);
    scene_mark();
    pause();
}

Test(waits, reading_a_pipe_names_every_holder, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_reader_and_holder, NULL, 2);
    scene_assert_wait(scene, "0.1", PF_WAIT_READ, "read");
    cr_assert_not(scene_wait(scene, "0.1")->timed);
    const struct pf_object *pipe_object = scene_object(scene, "0.1");
    cr_assert_eq(pipe_object->kind, PF_OBJECT_PIPE);
    cr_assert_eq(pipe_object->queued, 0);
    cr_assert_gt(pipe_object->capacity, 0);
    cr_assert_not(pipe_object->external);
    const struct pf_target *target = &scene_wait(scene, "0.1")->targets[0];
    cr_assert(target->readable && !target->writable);
    cr_assert_eq(target->fd, ends[0]);
    /* The child has both ends, the root only the one for writing. */
    cr_assert_eq(pipe_object->holder_count, 3);
    const struct pf_holder *mine = scene_holder(pipe_object, "0.1", ends[0]);
    cr_assert(mine && mine->reads && !mine->writes && !mine->cloexec);
    const struct pf_holder *root = scene_holder(pipe_object, "0", ends[1]);
    cr_assert(root && !root->reads && root->writes && root->cloexec);
    cr_assert(scene_holder(pipe_object, "0.1", ends[1]));
    scene_assert_wait(scene, "0", PF_WAIT_SIGNAL, "pause");
    cr_assert_eq(scene->snapshot.unknown_count, 0, "%s", scene->snapshot.unknown[0]);
    scene_end(scene);
}

Test(waits, an_object_of_the_caller_is_external, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_begin(play_read, NULL);
    const char *ids[2];
    cr_assert_eq(pf_probe_given(ends, 2, scene->arena, ids), 0);
    scene->request.outside = ids;
    scene->request.outside_count = 2;
    scene_settle(scene, 1);
    cr_assert(scene_object(scene, "0")->external);
    cr_assert_str_eq(scene_object(scene, "0")->external_why, "given by the caller of pitfall");
    scene_end(scene);
}

Test(waits, writing_to_a_full_pipe, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_fill, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_WRITE, "write");
    const struct pf_object *object = scene_object(scene, "0");
    cr_assert_eq(object->queued, object->capacity);
    const struct pf_target *target = &scene_wait(scene, "0")->targets[0];
    cr_assert(target->writable && !target->readable);
    scene_end(scene);
}

static void play_wait_for_one(void *context)
{
    (void)context;
    pid_t first = scene_fork(play_read, NULL);
    scene_fork(play_read, NULL);
    scene_mark();
    waitpid(first, NULL, 0);
}

Test(waits, waiting_for_one_child, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_wait_for_one, NULL, 3);
    scene_assert_wait(scene, "0", PF_WAIT_CHILD, "wait4");
    const struct pf_wait *wait = scene_wait(scene, "0");
    cr_assert_eq(wait->target_count, 1);
    cr_assert_str_eq(wait->targets[0].process, "0.1");
    cr_assert_not(wait->children);
    cr_assert_str_eq(pf_snapshot_process(&scene->snapshot, "0.2")->parent, "0");
    cr_assert_null(pf_snapshot_process(&scene->snapshot, "0")->parent);
    scene_end(scene);
}

static void play_wait_for_any(void *context)
{
    (void)context;
    scene_fork(play_read, NULL);
    scene_fork(play_read, NULL);
    scene_mark();
    siginfo_t info;
    waitid(P_ALL, 0, &info, WEXITED);
}

Test(waits, waiting_for_any_child, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_wait_for_any, NULL, 3);
    scene_assert_wait(scene, "0", PF_WAIT_CHILD, "waitid");
    cr_assert_eq(scene_wait(scene, "0")->target_count, 2);
    cr_assert(scene_wait(scene, "0")->children);
    scene_end(scene);
}

static void play_own_group(void *context)
{
    setpgid(0, 0);
    play_read(context);
}

static void play_wait_for_group(void *context)
{
    (void)context;
    setpgid(0, 0);
    scene_fork(play_read, NULL);
    scene_fork(play_own_group, NULL);
    scene_mark();
    waitpid(0, NULL, 0);
}

Test(waits, waiting_for_the_own_group_leaves_others_out, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_wait_for_group, NULL, 3);
    cr_assert_eq(scene_wait(scene, "0")->target_count, 1);
    cr_assert_str_eq(scene_wait(scene, "0")->targets[0].process, "0.1");
    scene_end(scene);
}

static void play_wait_for_pidfd(void *context)
{
    (void)context;
    scene_fork(play_read, NULL);
    pid_t second = scene_fork(play_read, NULL);
    int pidfd = (int)syscall(SYS_pidfd_open, second, 0);
    siginfo_t info;
    scene_mark();
    waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
}

Test(waits, waiting_for_a_pidfd, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_wait_for_pidfd, NULL, 3);
    scene_assert_wait(scene, "0", PF_WAIT_CHILD, "waitid");
    cr_assert_eq(scene_wait(scene, "0")->target_count, 1);
    cr_assert_str_eq(scene_wait(scene, "0")->targets[0].process, "0.2");
    scene_end(scene);
}

static void play_sleep(void *context)
{
    (void)context;
    struct timespec time = {.tv_sec = 1000, .tv_nsec = 7};
    scene_mark();
    nanosleep(&time, NULL);
}

Test(waits, a_sleep_is_timed, .timeout = 60)
{
    struct scene *scene = scene_play(play_sleep, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_SLEEP, "clock_nanosleep");
    cr_assert(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_wait(scene, "0")->timeout_ns, 1000000000007ull);
    scene_end(scene);
}

/* After SIGSTOP and SIGCONT the kernel goes on with a sleep under another number. */
Test(waits, a_sleep_that_was_stopped_is_still_a_sleep, .timeout = 60)
{
    struct scene *scene = scene_play(play_sleep, NULL, 1);
    int status;
    kill(scene->root, SIGSTOP);
    cr_assert_eq(waitpid(scene->root, &status, WUNTRACED), scene->root);
    scene_await_still(scene);
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_STOPPED);
    kill(scene->root, SIGCONT);
    cr_assert_eq(waitpid(scene->root, &status, WCONTINUED), scene->root);
    scene_settle_again(scene);
    scene_assert_wait(scene, "0", PF_WAIT_SLEEP, "restart_syscall");
    cr_assert(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

static void play_spin(void *context)
{
    (void)context;
    scene_mark();
    for (volatile uint64_t i = 0;; i++)
        ;
}

Test(waits, a_running_thread_waits_for_nothing, .timeout = 60)
{
    struct scene *scene = scene_begin(play_spin, NULL);
    scene_await_marks(1);
    scene_find_tree(scene);
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_NONE);
    scene_end(scene);
}

static void play_zombie(void *context)
{
    (void)context;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    scene_mark();
    pause();
}

Test(waits, a_zombie_is_one, .timeout = 60)
{
    struct scene *scene = scene_play(play_zombie, NULL, 1);
    cr_assert(pf_snapshot_process(&scene->snapshot, "0.1")->zombie);
    cr_assert_str_eq(pf_snapshot_process(&scene->snapshot, "0.1")->parent, "0");
    cr_assert_eq(scene_wait(scene, "0.1")->kind, PF_WAIT_EXIT);
    cr_assert_not(pf_snapshot_process(&scene->snapshot, "0")->zombie);
    scene_end(scene);
}

static void *read_on(void *context)
{
    play_read(context);
    return NULL;
}

static void play_leader_ends(void *context)
{
    (void)context;
    pthread_t thread;
    scene_mark();
    pthread_create(&thread, NULL, read_on, NULL);
    pthread_exit(NULL);
}

Test(waits, a_main_thread_that_ended_waits_for_the_others, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_begin(play_leader_ends, NULL);
    scene_await_marks(2);
    /* Until the main thread is a zombie. */
    siginfo_t info;
    cr_assert_eq(waitid(P_PID, (id_t)scene->root, &info, WEXITED | WNOWAIT | WNOHANG), 0);
    uint64_t deadline = scene_now() + SCENE_SECONDS * 1000000000ull;
    do {
        cr_assert_lt(scene_now(), deadline);
        scene->request.process_count = scene->request.thread_count = 0;
        scene_find_tree(scene);
        scene_snapshot(scene);
    } while (scene_anybody_moves(scene) || strcmp(scene->snapshot.threads[0].state, "Z"));
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_EXIT);
    cr_assert_not(pf_snapshot_process(&scene->snapshot, "0")->zombie);
    scene_assert_wait(scene, "0/t1", PF_WAIT_READ, "read");
    const struct pf_object *object = scene_object(scene, "0/t1");
    cr_assert_eq(object->holder_count, 2, "its descriptors are read although the main thread is gone");
    scene_end(scene);
}

static void on_signal(int number)
{
    (void)number;
}

struct dispositions {
    int handled, ignored;
    bool child, requests; /* what is to be said of it */
};

static void play_handlers(void *context)
{
    const struct dispositions *own = context;
    signal(own->handled, on_signal);
    if (own->ignored)
        signal(own->ignored, SIG_IGN);
    scene_mark();
    pause();
}

Test(waits, handlers_of_signals, .timeout = 60)
{
    struct dispositions cases[] = {
        {.handled = SIGCHLD, .child = true},
        {.handled = SIGSEGV},
        {.handled = SIGALRM},
        {.handled = SIGUSR1, .requests = true},
        {.handled = SIGIO, .requests = true},
        {.handled = SIGRTMIN, .requests = true},
        {.handled = SIGINT, .requests = true},
        {.handled = SIGINT, .ignored = SIGXFSZ, .requests = true}, /* it is not CPython */
        {.handled = SIGTERM, .ignored = SIGXFSZ, .requests = true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *scene = scene_play(play_handlers, &cases[i], 1);
        const struct pf_process_state *process = pf_snapshot_process(&scene->snapshot, "0");
        cr_assert_eq(process->catches_sigchld, cases[i].child, "signal %d", cases[i].handled);
        cr_assert_eq(process->handles_requests, cases[i].requests, "signal %d", cases[i].handled);
        scene_end(scene);
    }
}
