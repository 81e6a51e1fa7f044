/* Signals, FIFOs, queues, locks on files, and calls that are not read. */
#include "scene.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>

static void play_sigwait(void *context)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct timespec limit = {.tv_sec = 1000};
    scene_mark();
    sigtimedwait(&set, NULL, context ? &limit : NULL);
}

Test(other, waiting_for_a_signal_with_and_without_a_limit, .timeout = 60)
{
    struct scene *scene = scene_play(play_sigwait, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_SIGNAL, "rt_sigtimedwait");
    cr_assert_not(scene_wait(scene, "0")->timed);
    scene_end(scene);
    int limit = 1;
    scene = scene_play(play_sigwait, &limit, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

/* A name of this test's own, in a directory that is gone with it. */
static char directory[] = "/tmp/pitfall-probe-XXXXXX";
static char path[64];

static void make_path(void)
{
    cr_assert(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/name", directory);
}

static void remove_path(void)
{
    unlink(path);
    rmdir(directory);
}

static void play_open_fifo(void *context)
{
    scene_mark();
    if (context)
        chdir(directory), open("name", O_WRONLY);
    else
        open(path, O_RDONLY);
}

Test(other, opening_a_fifo_waits_for_the_other_end, .timeout = 60)
{
    make_path();
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct scene *scene = scene_play(play_open_fifo, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_OPEN, "openat");
    cr_assert(scene_wait(scene, "0")->targets[0].readable);
    const struct pf_object *object = scene_object(scene, "0");
    cr_assert_eq(object->kind, PF_OBJECT_FIFO);
    cr_assert_str_eq(object->path, path);
    cr_assert(object->external);
    scene_end(scene);
    scene = scene_play(play_open_fifo, path, 1);
    scene_assert_wait(scene, "0", PF_WAIT_OPEN, "openat");
    cr_assert(scene_wait(scene, "0")->targets[0].writable);
    scene_end(scene);
    remove_path();
}

static void play_read_fifo(void *context)
{
    (void)context;
    int fd = open(path, O_RDWR);
    unlink(path);
    char byte;
    scene_mark();
    if (read(fd, &byte, 1) < 0)
        _exit(1);
}

Test(other, a_fifo_without_a_name_is_a_pipe_like_any_other, .timeout = 60)
{
    make_path();
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct scene *scene = scene_play(play_read_fifo, NULL, 1);
    const struct pf_object *object = scene_object(scene, "0");
    cr_assert_eq(object->kind, PF_OBJECT_FIFO);
    cr_assert_not(object->external);
    cr_assert_eq(object->holder_count, 1);
    cr_assert(object->holders[0].reads && object->holders[0].writes);
    scene_end(scene);
    remove_path();
}

static void play_semop(void *context)
{
    int id = semget(IPC_PRIVATE, 1, 0600);
    *(int *)scene_stage_room() = id;
    struct sembuf down = {.sem_op = -1};
    struct timespec limit = {.tv_sec = 1000};
    scene_mark();
    semtimedop(id, &down, 1, context ? &limit : NULL);
}

Test(other, system_v_semaphores_are_open_to_all, .timeout = 60)
{
    int id, limit = 1;
    struct scene *scene = scene_play(play_semop, NULL, 1);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_SEMAPHORE);
    cr_assert_not(scene_wait(scene, "0")->timed);
    cr_assert_eq(scene_object(scene, "0")->kind, PF_OBJECT_SYSV);
    cr_assert(scene_object(scene, "0")->external);
    id = *(int *)scene_stage_room();
    scene_end(scene);
    semctl(id, 0, IPC_RMID);
    scene = scene_play(play_semop, &limit, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    id = *(int *)scene_stage_room();
    scene_end(scene);
    semctl(id, 0, IPC_RMID);
}

static void play_msgrcv(void *context)
{
    (void)context;
    int id = msgget(IPC_PRIVATE, 0600);
    *(int *)scene_stage_room() = id;
    struct {
        long type;
        char text[8];
    } message;
    scene_mark();
    msgrcv(id, &message, sizeof(message.text), 0, 0);
}

Test(other, system_v_queues, .timeout = 60)
{
    struct scene *scene = scene_play(play_msgrcv, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_READ, "msgrcv");
    cr_assert(scene_object(scene, "0")->external);
    int id = *(int *)scene_stage_room();
    scene_end(scene);
    msgctl(id, IPC_RMID, NULL);
}

static void play_mq(void *context)
{
    const bool *keeps_name = context;
    char name[64];
    snprintf(name, sizeof(name), "/pitfall-probe-%d", getpid());
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
    if (!*keeps_name)
        mq_unlink(name);
    static char room[65536];
    scene_mark();
    mq_receive(queue, room, sizeof(room), NULL);
}

Test(other, posix_queues, .timeout = 60)
{
    for (int named = 0; named < 2; named++) {
        char name[64];
        bool keeps_name = named;
        struct scene *scene = scene_play(play_mq, &keeps_name, 1);
        snprintf(name, sizeof(name), "/pitfall-probe-%d", scene->root);
        mq_unlink(name);
        scene_assert_wait(scene, "0", PF_WAIT_READ, "mq_timedreceive");
        const struct pf_object *queue = scene_object(scene, "0");
        cr_assert_eq(queue->kind, PF_OBJECT_MQUEUE);
        cr_assert_not(scene_wait(scene, "0")->timed);
        /* Who has not opened it while it had its name never will. */
        cr_assert_eq(queue->external, keeps_name, "%s", queue->external_why);
        scene_end(scene);
    }
}

static const struct pf_file_lock *lock_of(const struct pf_object *object, const char *process)
{
    for (size_t i = 0; i < object->lock_count; i++)
        if (object->locks[i].process ? process && strcmp(object->locks[i].process, process) == 0 : !process)
            return &object->locks[i];
    return NULL;
}

static int file;

static void play_flock_again(void *context)
{
    (void)context;
    int own = open(path, O_RDWR);
    scene_mark();
    flock(own, LOCK_SH);
}

static void play_flock(void *context)
{
    file = open(path, O_RDWR | O_CREAT, 0600);
    flock(file, LOCK_EX);
    scene_fork(play_flock_again, context);
    scene_mark();
    pause();
}

Test(other, flock_belongs_to_all_who_have_the_open_file, .timeout = 60)
{
    make_path();
    struct scene *scene = scene_play(play_flock, NULL, 2);
    scene_assert_wait(scene, "0.1", PF_WAIT_LOCK, "flock");
    const struct pf_object *object = scene_object(scene, "0.1");
    cr_assert_eq(object->kind, PF_OBJECT_FILE);
    cr_assert_str_eq(object->path, path);
    cr_assert_eq(object->lock_count, 2, "the waiter has inherited the open file and its lock");
    cr_assert(lock_of(object, "0") && lock_of(object, "0.1"));
    cr_assert_str_eq(object->locks[0].type, "flock");
    cr_assert(object->locks[0].exclusive);
    cr_assert_not(object->external);
    scene_end(scene);
    remove_path();
}

static int lock_range(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &lock);
}

static void play_posix_waiter(void *context)
{
    (void)context;
    int own = open(path, O_RDWR);
    lock_range(own, F_SETLK, F_WRLCK, 100, 1);
    scene_mark();
    lock_range(own, F_SETLKW, F_WRLCK, 5, 1);
}

static void play_posix_bystander(void *context)
{
    (void)context;
    int own = open(path, O_RDWR);
    lock_range(own, F_SETLK, F_WRLCK, 50, 10);
    scene_mark();
    pause();
}

static void play_posix(void *context)
{
    file = open(path, O_RDWR | O_CREAT, 0600);
    lock_range(file, F_SETLK, F_WRLCK, 0, 10);
    scene_fork(play_posix_waiter, context);
    scene_fork(play_posix_bystander, context);
    scene_mark();
    pause();
}

Test(other, a_record_lock_is_held_by_whom_it_overlaps, .timeout = 60)
{
    make_path();
    struct scene *scene = scene_play(play_posix, NULL, 3);
    scene_assert_wait(scene, "0.1", PF_WAIT_LOCK, "fcntl");
    const struct pf_object *object = scene_object(scene, "0.1");
    cr_assert_eq(object->lock_count, 1);
    cr_assert_str_eq(object->locks[0].type, "posix");
    cr_assert_str_eq(object->locks[0].process, "0");
    scene_end(scene);
    remove_path();
}

static void play_ofd_waiter(void *context)
{
    (void)context;
    int own = open(path, O_RDWR);
    scene_mark();
    lock_range(own, F_OFD_SETLKW, F_RDLCK, 0, 0);
}

static void play_ofd(void *context)
{
    file = open(path, O_RDWR | O_CREAT, 0600);
    lock_range(file, F_OFD_SETLK, F_WRLCK, 0, 10);
    scene_fork(play_ofd_waiter, context);
    scene_mark();
    pause();
}

Test(other, an_open_file_lock_names_its_carriers, .timeout = 60)
{
    make_path();
    struct scene *scene = scene_play(play_ofd, NULL, 2);
    scene_assert_wait(scene, "0.1", PF_WAIT_LOCK, "fcntl");
    const struct pf_object *object = scene_object(scene, "0.1");
    cr_assert_eq(object->lock_count, 2);
    cr_assert_str_eq(lock_of(object, "0")->type, "ofd");
    scene_end(scene);
    remove_path();
}

static int go[2];

static void play_lock_when_told(void *context)
{
    char byte;
    int own = open(path, O_RDWR);
    scene_mark();
    if (read(go[0], &byte, 1) != 1)
        _exit(1);
    scene_mark();
    flock(own, *(int *)context);
}

Test(other, a_lock_held_outside_the_tree_is_external, .timeout = 60)
{
    make_path();
    close(open(path, O_RDWR | O_CREAT, 0600));
    cr_assert_eq(pipe(go), 0);
    int mode = LOCK_EX;
    struct scene *scene = scene_begin(play_lock_when_told, &mode);
    scene_await_marks(1);
    /* Opened after the fork, so that the tree does not inherit it. */
    file = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_eq(flock(file, LOCK_SH), 0);
    cr_assert_eq(write(go[1], "x", 1), 1);
    scene_settle(scene, 2);
    scene_assert_wait(scene, "0", PF_WAIT_LOCK, "flock");
    const struct pf_object *object = scene_object(scene, "0");
    cr_assert_eq(object->lock_count, 1);
    cr_assert(lock_of(object, NULL));
    cr_assert_not(object->locks[0].exclusive);
    cr_assert(object->external);
    scene_end(scene);
    close(file);
    remove_path();
}

static void play_vfork(void *context)
{
    (void)context;
    scene_mark();
    if (vfork() == 0) {
        pause();
        _exit(0);
    }
}

Test(other, a_vfork_parent_waits_for_its_child, .timeout = 60)
{
    struct scene *scene = scene_begin(play_vfork, NULL);
    scene_await_marks(1);
    uint64_t deadline = scene_now() + SCENE_SECONDS * 1000000000ull;
    do {
        cr_assert_lt(scene_now(), deadline);
        scene->request.process_count = scene->request.thread_count = 0;
        scene_find_tree(scene);
    } while (scene->request.process_count < 2);
    scene->threads[0].vfork_parent = true;
    scene->threads[0].vfork_child = "0.1";
    scene_settle_again(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_VFORK);
    cr_assert_str_eq(scene_wait(scene, "0")->targets[0].process, "0.1");
    scene->threads[0].vfork_parent = false;
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_UNKNOWN);
    scene_end(scene);
}

static void play_aio(void *context)
{
    (void)context;
    unsigned long ring = 0;
    char event[32];
    if (syscall(SYS_io_setup, 1, &ring))
        _exit(1);
    scene_mark();
    syscall(SYS_io_getevents, ring, 1L, 1L, event, NULL);
}

Test(other, a_call_that_is_not_read_is_unknown_and_named, .timeout = 60)
{
    struct scene *scene = scene_play(play_aio, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_UNKNOWN, "io_getevents");
    cr_assert(strstr(scene_wait(scene, "0")->detail, "io_getevents"));
    cr_assert_eq(scene->snapshot.unknown_count, 1);
    scene_end(scene);
}

static int read_end;

static void *close_when_told(void *context)
{
    (void)context;
    char byte;
    if (read(go[0], &byte, 1) != 1)
        _exit(1);
    close(read_end);
    scene_mark();
    pause();
    return NULL;
}

static void play_close_in_use(void *context)
{
    (void)context;
    int ends[2];
    pthread_t thread;
    if (pipe(ends) || pthread_create(&thread, NULL, close_when_told, NULL))
        _exit(1);
    read_end = ends[0];
    char byte;
    scene_mark();
    if (read(read_end, &byte, 1) < 0)
        _exit(1);
}

Test(other, a_descriptor_closed_in_use_is_unknown, .timeout = 60)
{
    cr_assert_eq(pipe(go), 0);
    struct scene *scene = scene_play(play_close_in_use, NULL, 1);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_READ);
    cr_assert_eq(write(go[1], "x", 1), 1);
    scene_await_marks(2);
    scene_settle_again(scene);
    scene_assert_wait(scene, "0", PF_WAIT_UNKNOWN, "read");
    cr_assert(strstr(scene_wait(scene, "0")->detail, "closed while in use"));
    scene_end(scene);
}

Test(other, held_and_stopped_threads_are_what_the_caller_says, .timeout = 60)
{
    struct scene *scene = scene_play(play_aio, NULL, 1);
    scene->threads[0].held = true;
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_HELD);
    scene->threads[0].held = false;
    scene->threads[0].stopped = true;
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_STOPPED);
    scene_end(scene);
}
