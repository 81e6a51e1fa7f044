/*
 * The fixpoint against a model that is too simple to be wrong in the same way.
 *
 * The model knows no propagation. It tries every set of threads and asks of each member whether anything
 * outside the set could end its wait; the union of all sets that nothing outside can touch is the answer. It
 * reads the snapshot anew for every question, by names, and shares no code with the graph.
 */
#include <criterion/criterion.h>

#include "scene.h"

enum { GRAPHS = 100000, THREADS_MAX = 7, PROCESSES_MAX = 5, OBJECTS_MAX = 5 };

/* xorshift: the same graphs on every machine. */
static uint64_t random_state;

static unsigned pick(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % below;
}

static bool chance(unsigned percent)
{
    return pick(100) < percent;
}

static const char *const addresses[PROCESSES_MAX] = {"0", "0.1", "0.2", "0.1.1", "0.2.1"};

static const char *random_process(const struct scene *s)
{
    return s->snapshot.processes[pick((unsigned)s->snapshot.process_count)].process;
}

static const char *random_thread(const struct scene *s)
{
    return s->snapshot.threads[pick((unsigned)s->snapshot.thread_count)].thread;
}

static void random_futex(struct scene *s, struct pf_object *object)
{
    static const enum pf_futex_kind kinds[] = {PF_FUTEX_PLAIN,  PF_FUTEX_MUTEX,     PF_FUTEX_MUTEX,
                                               PF_FUTEX_JOIN,   PF_FUTEX_SEMAPHORE, PF_FUTEX_ROBUST,
                                               PF_FUTEX_RWLOCK, PF_FUTEX_RWLOCK,    PF_FUTEX_BARRIER};
    object->futex = pf_arena_alloc(s->arena, sizeof(*object->futex));
    object->futex->kind = kinds[pick(9)];
    if (chance(70))
        object->futex->owner = random_thread(s);
    else if (chance(40))
        object->futex->dead_owner = "0.9";
    else if (chance(30))
        object->futex->owner_elsewhere = true;
    for (unsigned i = pick(4); i > 0; i--)
        scene_maps(s, object->futex, random_process(s));
    object->external = chance(5);
    object->named = chance(10);
}

static void random_object(struct scene *s, const char *id)
{
    static const enum pf_object_kind kinds[] = {PF_OBJECT_PIPE,    PF_OBJECT_PIPE,   PF_OBJECT_FUTEX,
                                                PF_OBJECT_FUTEX,   PF_OBJECT_SOCKET, PF_OBJECT_EVENTFD,
                                                PF_OBJECT_TIMERFD, PF_OBJECT_FILE,   PF_OBJECT_TTY,
                                                PF_OBJECT_FIFO,    PF_OBJECT_SYSV};
    static const char *const modes[] = {"r", "w", "rw"};
    struct pf_object *object = scene_object(s, kinds[pick(11)], id);
    if (object->kind == PF_OBJECT_FUTEX) {
        random_futex(s, object);
        return;
    }
    for (unsigned i = pick(4); i > 0; i--)
        scene_holder(s, object, random_process(s), modes[pick(3)]);
    object->external = chance(8);
    object->named = chance(20);
    object->armed = chance(20);
    if (object->kind == PF_OBJECT_SOCKET && chance(70))
        object->peer = pf_arena_printf(s->arena, "o%u", pick(OBJECTS_MAX));
    for (unsigned i = object->kind == PF_OBJECT_FILE ? 1 + pick(2) : 0; i > 0; i--) {
        struct pf_file_lock *lock =
            pf_arena_grow(s->arena, &object->locks, &object->lock_count, sizeof(*lock));
        lock->type = chance(50) ? "posix" : "flock";
        lock->process = chance(90) ? random_process(s) : NULL;
    }
}

static enum pf_wait_kind wait_for(const struct pf_object *object)
{
    switch (object->kind) {
    case PF_OBJECT_FUTEX:
        return PF_WAIT_FUTEX;
    case PF_OBJECT_FILE:
        return PF_WAIT_LOCK;
    default:
        return chance(40) ? PF_WAIT_READ : chance(60) ? PF_WAIT_WRITE : PF_WAIT_POLL;
    }
}

static void random_wait(struct scene *s, struct pf_thread_state *thread)
{
    static const enum pf_wait_kind rare[] = {PF_WAIT_NONE, PF_WAIT_SLEEP, PF_WAIT_SIGNAL,
                                             PF_WAIT_EXIT, PF_WAIT_HELD,  PF_WAIT_STOPPED};
    thread->wait.timed = chance(4);
    if (chance(12)) {
        thread->wait.kind = rare[pick(6)];
        /* SIGCHLD, which the tree alone sends, or SIGTERM. */
        thread->wait.signals = 1u << (chance(70) ? 16 : 14);
        return;
    }
    if (chance(25)) {
        thread->wait.kind = PF_WAIT_CHILD;
        thread->wait.children = chance(50);
        for (unsigned i = 1 + pick(2); i > 0; i--)
            scene_awaits(s, thread, addresses[pick(PROCESSES_MAX)]);
        return;
    }
    const struct pf_object *object = &s->snapshot.objects[pick((unsigned)s->snapshot.object_count)];
    thread->wait.kind = wait_for(object);
    scene_target(s, thread, object->id);
    for (unsigned i = thread->wait.kind == PF_WAIT_POLL ? pick(3) : 0; i > 0; i--) {
        object = &s->snapshot.objects[pick((unsigned)s->snapshot.object_count)];
        if (object->kind != PF_OBJECT_FUTEX && object->kind != PF_OBJECT_FILE)
            scene_target(s, thread, object->id);
    }
}

static void random_scene(struct scene *s)
{
    unsigned processes = 1 + pick(PROCESSES_MAX), threads = processes + pick(THREADS_MAX - PROCESSES_MAX + 1);
    for (unsigned i = 0; i < processes; i++) {
        struct pf_process_state *process = scene_process(s, addresses[i]);
        process->timer = chance(3);
        process->zombie = i > 0 && chance(4);
        process->catches_sigchld = chance(10);
        process->handles_nothing = !process->catches_sigchld && chance(70);
    }
    for (unsigned i = 0; i < threads; i++) {
        const char *process = i < processes ? addresses[i] : random_process(s);
        scene_thread(s, i < processes ? process : pf_arena_printf(s->arena, "%s/t%u", process, i),
                     PF_WAIT_NONE);
    }
    for (unsigned i = 0; i < OBJECTS_MAX; i++)
        random_object(s, pf_arena_printf(s->arena, "o%u", i));
    for (unsigned i = 0; i < threads; i++)
        random_wait(s, &s->snapshot.threads[i]);
}

/* ---- The model. `still` is a set of threads, one bit each: those that do nothing, ever. ---- */

struct model {
    const struct pf_snapshot *snapshot;
    unsigned still;
    bool inside_only; /* only what happens inside the tree counts, not what somebody outside could do */
    unsigned alive;   /* threads that are known to live by the tree's own doing; the rest of the truth */
};

static bool acts_at_all(const struct model *m, const char *process);

static bool moves(const struct model *m, size_t thread)
{
    return m->snapshot->threads[thread].wait.kind != PF_WAIT_EXIT && !(m->still & 1u << thread);
}

static bool lives(const struct model *m, size_t thread)
{
    return m->inside_only ? moves(m, thread) : (m->alive & 1u << thread) != 0;
}

static bool thread_moves(const struct model *m, const char *address)
{
    for (size_t i = 0; i < m->snapshot->thread_count; i++)
        if (strcmp(m->snapshot->threads[i].thread, address) == 0)
            return moves(m, i);
    return true;
}

static bool some_thread_moves(const struct model *m, const char *process)
{
    for (size_t i = 0; i < m->snapshot->thread_count; i++)
        if (strcmp(m->snapshot->threads[i].process, process) == 0 && moves(m, i))
            return true;
    return false;
}

static bool anybody_moves(const struct model *m)
{
    for (size_t i = 0; i < m->snapshot->thread_count; i++)
        if (moves(m, i))
            return true;
    return false;
}

static bool is_below(const char *process, const char *ancestor)
{
    size_t length = strlen(ancestor);
    return strlen(process) > length && memcmp(ancestor, process, length) == 0 && process[length] == '.';
}

/* Ended or interrupted by a signal of somebody who is alive, or interrupted by the end of a child. */
static bool struck(const struct model *m, const char *process)
{
    const struct pf_process_state *state = pf_snapshot_process(m->snapshot, process);
    for (size_t i = 0; i < m->snapshot->thread_count; i++)
        if (lives(m, i))
            return true;
    for (size_t i = 0; state && state->catches_sigchld && i < m->snapshot->process_count; i++) {
        const struct pf_process_state *child = &m->snapshot->processes[i];
        if (child->parent && strcmp(child->parent, process) == 0 && !child->zombie &&
            acts_at_all(m, child->process))
            return true;
    }
    return false;
}

/* Does a process that nobody has seen, or that moves or may be struck, do something to the object? */
static bool acts_at_all(const struct model *m, const char *process)
{
    return !pf_snapshot_process(m->snapshot, process) || some_thread_moves(m, process) || struck(m, process);
}

static bool outside(const struct model *m)
{
    return !m->inside_only;
}

static bool holders_act(const struct model *m, const struct pf_object *object, bool readers, bool writers)
{
    for (size_t i = 0; i < object->holder_count; i++)
        if (((readers && object->holders[i].reads) || (writers && object->holders[i].writes)) &&
            acts_at_all(m, object->holders[i].process))
            return true;
    return false;
}

static size_t holders(const struct pf_object *object, bool readers, bool writers)
{
    size_t count = 0;
    for (size_t i = 0; i < object->holder_count; i++)
        count += (readers && object->holders[i].reads) || (writers && object->holders[i].writes);
    return count;
}

static bool object_ready(const struct model *m, const struct pf_object *object, bool reads, bool writes)
{
    const struct pf_object *peer;
    if ((object->external && outside(m)) || (object->named && anybody_moves(m)))
        return true;
    switch (object->kind) {
    case PF_OBJECT_SYSV:
        return anybody_moves(m);
    case PF_OBJECT_PIPE:
    case PF_OBJECT_FIFO:
        /* Reading waits for writers, writing for readers; nobody there means that the wait ends at once. */
        return holders(object, writes, reads) == 0 || holders_act(m, object, writes, reads);
    case PF_OBJECT_SOCKET:
        peer = pf_snapshot_object(m->snapshot, object->peer);
        if (holders_act(m, object, true, true))
            return true;
        if (peer && peer->holder_count)
            return holders_act(m, peer, true, true);
        return object->external ? anybody_moves(m) : true;
    case PF_OBJECT_EVENTFD:
        return holders_act(m, object, true, true);
    case PF_OBJECT_TIMERFD:
        return object->armed || holders_act(m, object, true, true);
    case PF_OBJECT_TTY:
        return outside(m) || anybody_moves(m);
    default:
        return true;
    }
}

static bool handles_nothing(const struct model *m, const char *process)
{
    const struct pf_process_state *state = pf_snapshot_process(m->snapshot, process);
    return state->zombie || state->handles_nothing;
}

/* A lock that nobody but threads of its own accord will ever let go of. */
static bool closed(const struct model *m, const struct pf_thread_state *thread,
                   const struct pf_object *object)
{
    const struct pf_futex *futex = object->futex;
    bool all = (futex->kind == PF_FUTEX_RWLOCK || futex->kind == PF_FUTEX_BARRIER) && !object->named &&
               !object->external && handles_nothing(m, thread->process);
    for (size_t i = 0; all && i < futex->process_count; i++)
        all = handles_nothing(m, futex->processes[i]);
    return all;
}

static bool reached(const struct model *m, const struct pf_thread_state *thread,
                    const struct pf_object *object)
{
    const struct pf_futex *futex = object->futex;
    bool striking_helps = !closed(m, thread, object);
    if (!futex->shared)
        return some_thread_moves(m, thread->process);
    for (size_t i = 0; i < futex->process_count; i++)
        if (striking_helps ? acts_at_all(m, futex->processes[i]) : some_thread_moves(m, futex->processes[i]))
            return true;
    return (object->external || object->named) && anybody_moves(m);
}

static bool owned(const struct pf_futex *futex)
{
    bool join = futex->kind == PF_FUTEX_JOIN;
    bool lock = join || futex->kind == PF_FUTEX_MUTEX || futex->kind == PF_FUTEX_ROBUST ||
                futex->kind == PF_FUTEX_RWLOCK;
    return lock && (futex->owner || (!join && (futex->dead_owner || futex->owner_elsewhere)));
}

static bool owner_lets_go(const struct model *m, const struct pf_thread_state *thread,
                          const struct pf_futex *futex)
{
    if (!futex->owner)
        return futex->kind == PF_FUTEX_ROBUST;
    const struct pf_thread_state *owner = pf_snapshot_thread(m->snapshot, futex->owner);
    bool ended = owner->wait.kind == PF_WAIT_EXIT;
    if (ended && futex->kind != PF_FUTEX_MUTEX && futex->kind != PF_FUTEX_RWLOCK)
        return true;
    if (futex->kind == PF_FUTEX_ROBUST && strcmp(owner->process, thread->process) != 0)
        return acts_at_all(m, owner->process);
    return thread_moves(m, futex->owner);
}

static bool lock_released(const struct model *m, const struct pf_thread_state *thread,
                          const struct pf_object *file)
{
    if (file->external && outside(m))
        return true;
    for (size_t i = 0; i < file->lock_count; i++) {
        const struct pf_file_lock *lock = &file->locks[i];
        bool posix = strcmp(lock->type, "posix") == 0;
        if (lock->process &&
            (strcmp(lock->process, thread->process) == 0 ? some_thread_moves(m, thread->process)
                                                         : acts_at_all(m, lock->process)))
            return true;
        for (size_t k = 0; !posix && k < file->holder_count; k++) {
            const char *heir = file->holders[k].process;
            if (strcmp(heir, thread->process) == 0 ? some_thread_moves(m, heir) : acts_at_all(m, heir))
                return true;
        }
        if (!lock->process && (posix || !file->holder_count) && outside(m))
            return true;
    }
    return file->lock_count == 0;
}

static bool child_ends(const struct model *m, const struct pf_thread_state *thread)
{
    for (size_t i = 0; i < thread->wait.target_count; i++) {
        const struct pf_process_state *child =
            pf_snapshot_process(m->snapshot, thread->wait.targets[i].process);
        if (!child || child->zombie || acts_at_all(m, child->process))
            return true;
    }
    for (size_t i = 0; thread->wait.children && i < m->snapshot->process_count; i++) {
        const char *process = m->snapshot->processes[i].process;
        if (is_below(process, thread->process) && acts_at_all(m, process))
            return true;
    }
    return some_thread_moves(m, thread->process);
}

static bool targets_ready(const struct model *m, const struct pf_thread_state *thread, bool *ret_hard)
{
    bool ready = false;
    *ret_hard = true;
    for (size_t i = 0; i < thread->wait.target_count; i++) {
        const struct pf_target *target = &thread->wait.targets[i];
        const struct pf_object *object = pf_snapshot_object(m->snapshot, target->object);
        if (thread->wait.kind == PF_WAIT_FUTEX) {
            bool mine = owned(object->futex), join = object->futex->kind == PF_FUTEX_JOIN;
            *ret_hard &= (mine && !(!object->futex->owner && object->futex->kind == PF_FUTEX_ROBUST)) ||
                         (!mine && closed(m, thread, object));
            ready |= object->external && outside(m);
            ready |= mine ? owner_lets_go(m, thread, object->futex) : join || reached(m, thread, object);
        } else if (thread->wait.kind == PF_WAIT_LOCK) {
            ready |= lock_released(m, thread, object);
        } else {
            *ret_hard = false;
            ready |= object_ready(m, object, target->readable, target->writable);
        }
    }
    return ready;
}

/* Could anything outside the set end this thread's wait? */
static bool can_go_on(const struct model *m, size_t index)
{
    const struct pf_thread_state *thread = &m->snapshot->threads[index];
    const struct pf_process_state *process = pf_snapshot_process(m->snapshot, thread->process);
    bool hard;
    if (thread->wait.timed || process->timer)
        return true;
    switch (thread->wait.kind) {
    case PF_WAIT_CHILD:
        return child_ends(m, thread) || struck(m, thread->process);
    case PF_WAIT_SIGNAL:
        return (thread->wait.signals != 1u << 16 && outside(m)) || anybody_moves(m) ||
               struck(m, thread->process);
    case PF_WAIT_STOPPED:
        return outside(m) || anybody_moves(m) || struck(m, thread->process);
    case PF_WAIT_READ:
    case PF_WAIT_WRITE:
    case PF_WAIT_POLL:
    case PF_WAIT_FUTEX:
    case PF_WAIT_LOCK:
        return targets_ready(m, thread, &hard) || (!hard && struck(m, thread->process));
    default:
        return true; /* it runs, sleeps or is held */
    }
}

static bool nothing_touches(const struct model *m)
{
    for (size_t i = 0; i < m->snapshot->thread_count; i++)
        if ((m->still & 1u << i) && m->snapshot->threads[i].wait.kind != PF_WAIT_EXIT && can_go_on(m, i))
            return false;
    return true;
}

/* The union of all sets that nothing outside them can touch. */
static unsigned largest_still_set(struct model m)
{
    unsigned all = (1u << m.snapshot->thread_count) - 1, result = 0;
    for (unsigned set = 0; set <= all; set++) {
        m.still = set;
        if (nothing_touches(&m))
            result |= set;
    }
    return result;
}

static unsigned stuck_by_model(const struct pf_snapshot *snapshot)
{
    unsigned ended = 0, all = (1u << snapshot->thread_count) - 1;
    for (size_t i = 0; i < snapshot->thread_count; i++)
        ended |= snapshot->threads[i].wait.kind == PF_WAIT_EXIT ? 1u << i : 0;
    struct model m = {.snapshot = snapshot, .inside_only = true};
    m.alive = all & ~largest_still_set(m) & ~ended;
    m.inside_only = false;
    return largest_still_set(m) & ~ended;
}

static unsigned stuck_by_graph(struct scene *s)
{
    const struct pf_graph *graph = pf_graph_new(&s->snapshot, s->arena);
    unsigned stuck = 0;
    for (size_t i = 0; i < s->snapshot.thread_count; i++)
        stuck |= pf_graph_stuck(graph, i) ? 1u << i : 0;
    return stuck;
}

static void describe(const struct scene *s)
{
    json_t *json = pf_record_to_json(&pf_snapshot_record, &s->snapshot);
    char *text = json_dumps(json, JSON_INDENT(1));
    cr_log_error("%s", text);
    free(text);
    json_decref(json);
}

Test(random, a_hundred_thousand_graphs_agree_with_the_model, .timeout = 600)
{
    size_t with_knot = 0, whole = 0, large = 0, beside = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        struct scene s;
        scene_open(&s);
        random_state = seed * 0x9e3779b97f4a7c15u;
        random_scene(&s);
        unsigned expected = stuck_by_model(&s.snapshot), found = stuck_by_graph(&s);
        if (expected != found)
            describe(&s);
        cr_assert_eq(expected, found, "graph %llu: the model holds %x stuck, the judge %x",
                     (unsigned long long)seed, expected, found);
        with_knot += found != 0;
        int members = __builtin_popcount(found);
        whole += found == (1u << s.snapshot.thread_count) - 1;
        large += members >= 4;
        beside += members >= 2 && (size_t)members < s.snapshot.thread_count;
        scene_close(&s);
    }
    /* The test says something only if both answers are common. */
    cr_log_info(
        "%zu of %d graphs have a knot, %zu are one, %zu have four or more in it, %zu also others beside two",
        with_knot, GRAPHS, whole, large, beside);
    cr_assert_gt(with_knot, GRAPHS / 20);
    cr_assert_gt(large, GRAPHS / 100);
    cr_assert_gt(beside, GRAPHS / 100);
    cr_assert_lt(with_knot, GRAPHS - GRAPHS / 20);
}
