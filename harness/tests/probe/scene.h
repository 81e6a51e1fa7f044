/*
 * scene.h - a small tree of processes that block as a test wants them to, and a snapshot of it.
 *
 * The root runs `play`, which may fork (scene_fork) and make threads. Every thread that is going to block
 * calls scene_mark() just before it does. The parent waits for all marks, then until the sampler says that
 * nobody moves, finds the tree's processes and threads in /proc, and takes the snapshot. Addresses are given
 * in the order of pids: "0", "0.1" is not a child of "0" but the second process, "0.1/t1" its second thread.
 */
#ifndef PF_TESTS_PROBE_SCENE_H
#define PF_TESTS_PROBE_SCENE_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/arena.h"
#include "probe/probe.h"

enum { SCENE_MAX = 256, SCENE_SECONDS = 20 };

struct scene {
    struct pf_arena *arena;
    struct pf_sampler *sampler;
    struct pf_probe_request request;
    struct pf_probe_process processes[SCENE_MAX];
    struct pf_probe_thread threads[SCENE_MAX];
    struct pf_probe_dead dead[8];
    struct pf_snapshot snapshot;
    pid_t root;
};

/* Memory that all processes of a scene share with the test. */
struct scene_stage {
    uint32_t marks;
    char room[4096 - sizeof(uint32_t)];
};

static struct scene_stage *stage;

static inline uint64_t scene_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Played: the caller is about to block. */
static inline void scene_mark(void)
{
    __atomic_add_fetch(&stage->marks, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &stage->marks, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The test runner's own sockets lead out of every scene, and would make all that is in it somebody else's as
 * well. */
static inline void scene_leave_runner(void)
{
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_un peer = {0};
        socklen_t length = sizeof(peer);
        if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && strstr(peer.sun_path, "criterion"))
            close(fd);
    }
}

/* Played: a child that dies with its parent, and runs `play`. */
static inline pid_t scene_fork(void (*play)(void *), void *context)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    scene_leave_runner();
    play(context);
    _exit(0);
}

static inline void scene_await_marks(uint32_t count)
{
    uint64_t deadline = scene_now() + SCENE_SECONDS * 1000000000ull;
    for (;;) {
        uint32_t marks = __atomic_load_n(&stage->marks, __ATOMIC_SEQ_CST);
        if (marks >= count)
            return;
        cr_assert_lt(scene_now(), deadline, "%u of %u threads came to their wait", marks, count);
        struct timespec step = {.tv_nsec = 100000000};
        syscall(SYS_futex, &stage->marks, FUTEX_WAIT, marks, &step, NULL, 0);
    }
}

static inline pid_t scene_parent_of(pid_t pid)
{
    char path[64], line[1024] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[length] = '\0';
    int parent = 0;
    const char *end = strrchr(line, ')');
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static inline size_t scene_numbers(const char *path, pid_t *numbers)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    cr_assert(directory);
    for (struct dirent *entry; (entry = readdir(directory)) && count < 4096;) {
        int number = atoi(entry->d_name);
        if (number > 0)
            numbers[count++] = number;
    }
    closedir(directory);
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && numbers[k - 1] > numbers[k]; k--) {
            pid_t swap = numbers[k];
            numbers[k] = numbers[k - 1];
            numbers[k - 1] = swap;
        }
    return count;
}

static inline const char *scene_address_of(const struct scene *scene, pid_t pid)
{
    for (size_t i = 0; i < scene->request.process_count; i++)
        if (scene->processes[i].pid == pid)
            return scene->processes[i].address;
    return NULL;
}

static inline void scene_add_process(struct scene *scene, pid_t pid)
{
    size_t index = scene->request.process_count++;
    cr_assert_lt(index, (size_t)SCENE_MAX);
    struct pf_probe_process *process = &scene->processes[index];
    *process = (struct pf_probe_process){.pid = pid, .tree_pid = pid};
    process->address = index ? pf_arena_printf(scene->arena, "0.%zu", index) : "0";
    process->parent = scene_address_of(scene, scene_parent_of(pid));
    char path[64];
    pid_t tids[4096];
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    size_t count = scene_numbers(path, tids);
    for (size_t i = 0; i < count; i++) {
        cr_assert_lt(scene->request.thread_count, (size_t)SCENE_MAX);
        scene->threads[scene->request.thread_count++] = (struct pf_probe_thread){
            .address = i ? pf_arena_printf(scene->arena, "%s/t%zu", process->address, i) : process->address,
            .process = process->address,
            .tid = tids[i],
            .pid = pid,
            .tree_tid = tids[i],
            .tree_pid = pid,
        };
        /* A zombie may refuse; it does not move either. */
        pf_sampler_add(scene->sampler, pid, tids[i]);
    }
}

/* The root and all its descendants, and those that were left to the test when their parents ended. */
static inline void scene_find_tree(struct scene *scene)
{
    pid_t pids[4096];
    size_t count = scene_numbers("/proc", pids);
    scene_add_process(scene, scene->root);
    for (size_t i = 0; i < count; i++) {
        pid_t parent = scene_parent_of(pids[i]);
        if (pids[i] != scene->root && (parent == getpid() || scene_address_of(scene, parent)))
            scene_add_process(scene, pids[i]);
    }
}

static inline void scene_await_still(struct scene *scene)
{
    uint64_t deadline = scene_now() + SCENE_SECONDS * 1000000000ull;
    for (;;) {
        struct pf_sample sample;
        pf_sampler_scan(scene->sampler, true, &sample);
        if (sample.all_still)
            return;
        cr_assert_lt(scene_now(), deadline, "thread %d does not come to rest", sample.mover);
        sched_yield();
    }
}

static inline bool scene_anybody_moves(const struct scene *scene)
{
    for (size_t i = 0; i < scene->snapshot.thread_count; i++)
        if (scene->snapshot.threads[i].wait.kind == PF_WAIT_NONE)
            return true;
    return false;
}

static inline void scene_snapshot(struct scene *scene)
{
    scene->snapshot = (struct pf_snapshot){0};
    cr_assert_eq(pf_probe_snapshot(&scene->request, scene->arena, &scene->snapshot), 0);
}

/* The room on the stage, for what the processes of a scene share. */
static inline void *scene_stage_room(void)
{
    if (!stage)
        stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(stage, MAP_FAILED);
    return stage->room;
}

/* Starts the root, to be asked for marks later. */
static inline struct scene *scene_begin(void (*play)(void *), void *context)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    scene_stage_room();
    stage->marks = 0;
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->arena = pf_arena_new();
    scene->sampler = pf_sampler_new();
    scene->request.processes = scene->processes;
    scene->request.threads = scene->threads;
    scene->request.dead = scene->dead;
    scene->root = scene_fork(play, context);
    cr_assert_gt(scene->root, 0);
    return scene;
}

/* A new snapshot of the same threads, once all is still again. */
static inline void scene_settle_again(struct scene *scene)
{
    do {
        scene_await_still(scene);
        scene_snapshot(scene);
    } while (scene_anybody_moves(scene));
}

/* Waits until `marks` threads have come to their wait and all is still, and takes the snapshot. */
static inline void scene_settle(struct scene *scene, uint32_t marks)
{
    scene_await_marks(marks);
    scene_find_tree(scene);
    scene_settle_again(scene);
}

static inline struct scene *scene_play(void (*play)(void *), void *context, uint32_t marks)
{
    struct scene *scene = scene_begin(play, context);
    scene_settle(scene, marks);
    return scene;
}

static inline void scene_end(struct scene *scene)
{
    for (size_t i = 0; i < scene->request.process_count; i++)
        kill(scene->processes[i].pid, SIGKILL);
    kill(scene->root, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
    pf_sampler_free(scene->sampler);
    pf_arena_free(scene->arena);
    free(scene);
}

static inline const struct pf_wait *scene_wait(const struct scene *scene, const char *thread)
{
    const struct pf_thread_state *state = pf_snapshot_thread(&scene->snapshot, thread);
    cr_assert(state, "no thread %s", thread);
    return &state->wait;
}

/* The object of the only target of a wait. */
static inline const struct pf_object *scene_object(const struct scene *scene, const char *thread)
{
    const struct pf_wait *wait = scene_wait(scene, thread);
    cr_assert_eq(wait->target_count, 1, "%s has %zu targets", thread, wait->target_count);
    const struct pf_object *object = pf_snapshot_object(&scene->snapshot, wait->targets[0].object);
    cr_assert(object);
    return object;
}

static inline const struct pf_holder *scene_holder(const struct pf_object *object, const char *process,
                                                   int64_t fd)
{
    for (size_t i = 0; i < object->holder_count; i++)
        if (strcmp(object->holders[i].process, process) == 0 && object->holders[i].fd == fd)
            return &object->holders[i];
    return NULL;
}

#define scene_assert_wait(scene, thread, expected_kind, expected_call)                                       \
    do {                                                                                                     \
        const struct pf_wait *seen = scene_wait(scene, thread);                                              \
        cr_assert_str_eq(pf_names_get(&pf_wait_kind_names, (int)seen->kind),                                 \
                         pf_names_get(&pf_wait_kind_names, expected_kind), "%s is in %s: %s", thread,        \
                         pf_names_get(&pf_wait_kind_names, (int)seen->kind), seen->detail);                  \
        cr_assert_str_eq(seen->call, expected_call);                                                         \
    } while (0)

#endif
