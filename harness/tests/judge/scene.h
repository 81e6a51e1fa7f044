/*
 * scene.h - builds snapshots by hand: a few lines for who waits on what, so that a test reads like the
 * situation it is about.
 */
#ifndef PF_TESTS_JUDGE_SCENE_H
#define PF_TESTS_JUDGE_SCENE_H

#include <stdarg.h>
#include <string.h>

#include "judge/graph.h"
#include "judge/judge.h"

struct scene {
    struct pf_arena *arena;
    struct pf_snapshot snapshot;
};

static inline void scene_open(struct scene *s)
{
    *s = (struct scene){.arena = pf_arena_new()};
}

static inline void scene_close(struct scene *s)
{
    pf_arena_free(s->arena);
}

/* A process; its parent is what its address says, if that one is in the scene. */
static inline struct pf_process_state *scene_process(struct scene *s, const char *address)
{
    struct pf_snapshot *snapshot = &s->snapshot;
    const char *dot = strrchr(address, '.');
    const char *parent = dot ? pf_arena_strndup(s->arena, address, (size_t)(dot - address)) : NULL;
    const struct pf_process_state *above = pf_snapshot_process(snapshot, parent);
    struct pf_process_state *process =
        pf_arena_grow(s->arena, &snapshot->processes, &snapshot->process_count, sizeof(*process));
    process->process = address;
    process->parent = above ? parent : NULL;
    process->name = "test";
    return process;
}

/* A thread of a process that was added before. */
static inline struct pf_thread_state *scene_thread(struct scene *s, const char *address,
                                                   enum pf_wait_kind kind)
{
    struct pf_snapshot *snapshot = &s->snapshot;
    struct pf_thread_state *thread =
        pf_arena_grow(s->arena, &snapshot->threads, &snapshot->thread_count, sizeof(*thread));
    thread->thread = address;
    const char *slash = strchr(address, '/');
    thread->process = slash ? pf_arena_strndup(s->arena, address, (size_t)(slash - address)) : address;
    thread->state = "S";
    thread->wait.kind = kind;
    return thread;
}

/* A process with one thread; the pointer is good until the next thread is added. */
static inline struct pf_thread_state *scene_actor(struct scene *s, const char *address,
                                                  enum pf_wait_kind kind)
{
    scene_process(s, address);
    return scene_thread(s, address, kind);
}

static inline struct pf_target *scene_target(struct scene *s, struct pf_thread_state *thread,
                                             const char *object)
{
    struct pf_target *target =
        pf_arena_grow(s->arena, &thread->wait.targets, &thread->wait.target_count, sizeof(*target));
    target->object = object;
    target->fd = 3;
    target->readable = thread->wait.kind == PF_WAIT_READ || thread->wait.kind == PF_WAIT_POLL;
    target->writable = thread->wait.kind == PF_WAIT_WRITE;
    return target;
}

/* The thread waits for a child to end. */
static inline void scene_awaits(struct scene *s, struct pf_thread_state *thread, const char *child)
{
    struct pf_target *target = scene_target(s, thread, NULL);
    target->process = child;
    target->fd = -1;
}

static inline struct pf_object *scene_object(struct scene *s, enum pf_object_kind kind, const char *id)
{
    struct pf_snapshot *snapshot = &s->snapshot;
    struct pf_object *object =
        pf_arena_grow(s->arena, &snapshot->objects, &snapshot->object_count, sizeof(*object));
    object->kind = kind;
    object->id = id;
    return object;
}

/* `modes`: "r", "w" or "rw". */
static inline void scene_holder(struct scene *s, struct pf_object *object, const char *process,
                                const char *modes)
{
    struct pf_holder *holder =
        pf_arena_grow(s->arena, &object->holders, &object->holder_count, sizeof(*holder));
    *holder = (struct pf_holder){
        .process = process,
        .fd = 3,
        .reads = strchr(modes, 'r') != NULL,
        .writes = strchr(modes, 'w') != NULL,
    };
}

static inline struct pf_futex *scene_futex(struct scene *s, const char *id, enum pf_futex_kind kind)
{
    struct pf_object *object = scene_object(s, PF_OBJECT_FUTEX, id);
    object->futex = pf_arena_alloc(s->arena, sizeof(*object->futex));
    object->futex->kind = kind;
    return object->futex;
}

static inline void scene_maps(struct scene *s, struct pf_futex *futex, const char *process)
{
    futex->shared = true;
    *(const char **)pf_arena_grow(s->arena, &futex->processes, &futex->process_count, sizeof(char *)) =
        process;
}

/* A pipe from one process to another. */
static inline struct pf_object *scene_pipe(struct scene *s, const char *id, const char *writer,
                                           const char *reader)
{
    struct pf_object *object = scene_object(s, PF_OBJECT_PIPE, id);
    scene_holder(s, object, writer, "w");
    scene_holder(s, object, reader, "r");
    return object;
}

/* A process whose one thread reads from the object. */
static inline void scene_reads(struct scene *s, const char *address, const char *object)
{
    scene_target(s, scene_actor(s, address, PF_WAIT_READ), object);
}

/* A thread that waits at a futex word. */
static inline struct pf_thread_state *scene_waits_at(struct scene *s, const char *thread, const char *futex)
{
    struct pf_thread_state *state = scene_thread(s, thread, PF_WAIT_FUTEX);
    scene_target(s, state, futex);
    return state;
}

/* The addresses of all stuck threads, in the order of the snapshot: "0 0.1/t1"; "" when none is. */
static inline const char *scene_stuck(struct scene *s)
{
    const struct pf_graph *graph = pf_graph_new(&s->snapshot, s->arena);
    const char *text = "";
    for (size_t i = 0; i < s->snapshot.thread_count; i++)
        if (pf_graph_stuck(graph, i))
            text = pf_arena_printf(s->arena, "%s%s%s", text, *text ? " " : "", s->snapshot.threads[i].thread);
    return text;
}

#endif
