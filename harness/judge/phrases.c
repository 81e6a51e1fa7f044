#include "judge/phrases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "judge/news.h"

enum { LISTED = 4 }; /* names in one sentence before the rest is only counted */

const char *pf_phrase_time(struct pf_arena *arena, uint64_t ns)
{
    uint64_t ms = (ns + 500000) / 1000000;
    if (ms < 1000)
        return pf_arena_printf(arena, "%" PRIu64 " ms", ms);
    uint64_t tenths = (ms + 50) / 100;
    if (tenths % 10 == 0 || tenths >= 1000)
        return pf_arena_printf(arena, "%" PRIu64 " s", tenths / 10);
    return pf_arena_printf(arena, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
}

const char *pf_phrase_count(struct pf_arena *arena, uint64_t count, const char *word)
{
    return pf_arena_printf(arena, "%" PRIu64 " %s%s", count, word, count == 1 ? "" : "s");
}

static const char *list(struct pf_arena *arena, const char *const *items, size_t count, const char *last)
{
    size_t named = count <= LISTED + 1 ? count : LISTED;
    const char *text = items[0];
    for (size_t i = 1; i < named; i++)
        text = i + 1 == count ? pf_arena_printf(arena, "%s %s %s", text, last, items[i])
                              : pf_arena_printf(arena, "%s, %s", text, items[i]);
    return named == count ? text : pf_arena_printf(arena, "%s %s %zu more", text, last, count - named);
}

const char *pf_phrase_list(struct pf_arena *arena, const char *const *items, size_t count)
{
    return items && count ? list(arena, items, count, "and") : "nobody";
}

static const struct pf_object *object_of(const struct pf_case *c, const struct pf_target *target)
{
    return target && c->history->snapshot
               ? pf_snapshot_object(&c->history->snapshot->snapshot, target->object)
               : NULL;
}

static const char *futex_noun(const struct pf_futex *futex)
{
    switch (futex->kind) {
    case PF_FUTEX_MUTEX:
        return "mutex";
    case PF_FUTEX_ROBUST:
        return "robust mutex";
    case PF_FUTEX_PI:
        return "priority-inheriting lock";
    case PF_FUTEX_JOIN:
        return "end of a thread";
    case PF_FUTEX_SEMAPHORE:
        return "semaphore";
    case PF_FUTEX_RWLOCK:
        return "rwlock";
    case PF_FUTEX_BARRIER:
        return "barrier";
    case PF_FUTEX_CONDITION:
        return "condition variable";
    default:
        return "lock or condition";
    }
}

static const char *object_noun(const struct pf_object *object)
{
    switch (object->kind) {
    case PF_OBJECT_PIPE:
        return "pipe";
    case PF_OBJECT_FIFO:
        return "FIFO";
    case PF_OBJECT_SOCKET:
        return object->listening ? "listening socket" : "socket";
    case PF_OBJECT_FILE:
        return "file";
    case PF_OBJECT_TTY:
        return "terminal";
    case PF_OBJECT_EVENTFD:
        return "eventfd";
    case PF_OBJECT_TIMERFD:
        return object->armed ? "timer" : "timer that is not armed";
    case PF_OBJECT_SIGNALFD:
        return "signalfd";
    case PF_OBJECT_EPOLL:
        return "epoll set";
    case PF_OBJECT_PIDFD:
        return "end of a process";
    case PF_OBJECT_INOTIFY:
        return object->armed ? "inotify watch" : "inotify descriptor that watches nothing";
    case PF_OBJECT_MQUEUE:
        return "message queue";
    case PF_OBJECT_FUTEX:
        return object->futex ? futex_noun(object->futex) : "lock";
    case PF_OBJECT_SYSV:
        return "System V object";
    default:
        return "object";
    }
}

static const char *article(const char *noun)
{
    return strchr("aeiou", noun[0]) ? "an" : "a";
}

/* "a pipe (fd 4)", "the FIFO /tmp/f (fd 3)". */
static const char *named_object(const struct pf_case *c, const struct pf_object *object,
                                const struct pf_target *target)
{
    const char *noun = object_noun(object);
    const char *text = object->path ? pf_arena_printf(c->scratch, "the %s %s", noun, object->path)
                                    : pf_arena_printf(c->scratch, "%s %s", article(noun), noun);
    return target->fd >= 0 ? pf_arena_printf(c->scratch, "%s (fd %" PRId64 ")", text, target->fd) : text;
}

static const char *memory_of(const struct pf_case *c, const struct pf_futex *futex)
{
    const char *alone = futex->process_only ? " (not made for several processes)" : "";
    if (futex->place)
        return pf_arena_printf(c->scratch, "in %s%s", futex->place, alone);
    return futex->shared ? "in shared memory" : "in its own memory";
}

/* Who owns a lock in memory that it does not have any more: it executed another program, or unmapped it. */
static const char *left_by(const struct pf_case *c, const struct pf_futex *futex)
{
    const struct pf_snapshot *snapshot = &c->history->snapshot->snapshot;
    for (size_t i = 0; i < snapshot->thread_count; i++)
        if (snapshot->threads[i].tid == futex->owner_tid)
            return pf_arena_printf(c->scratch, "%s, which locked it,",
                                   pf_case_label(c, snapshot->threads[i].thread));
    return "whoever locked it";
}

static const char *readers_of(const struct pf_case *c, const struct pf_futex *futex)
{
    return pf_arena_printf(c->scratch, "%s %s", pf_phrase_count(c->scratch, futex->readers, "thread"),
                           futex->readers == 1 ? "holds" : "hold");
}

static const char *futex_phrase(const struct pf_case *c, const struct pf_futex *futex)
{
    if (futex->kind == PF_FUTEX_JOIN)
        return futex->owner
                   ? pf_arena_printf(c->scratch, "waits for thread %s to end", pf_case_label(c, futex->owner))
                   : "waits for a thread to end";
    const char *noun = futex_noun(futex);
    const char *memory = memory_of(c, futex);
    const char *dead = pf_case_dead_owner(c, futex);
    if (dead)
        return pf_arena_printf(c->scratch, "waits for a %s %s that %s held when it ended", noun, memory,
                               pf_case_label(c, dead));
    if (futex->owner_elsewhere && futex->shared)
        return pf_arena_printf(c->scratch, "waits for a %s %s: %s has given up that memory since", noun,
                               memory, left_by(c, futex));
    if (futex->owner_elsewhere)
        return pf_arena_printf(c->scratch, "waits for a %s %s that was held when fork copied it", noun,
                               memory);
    if (futex->owner)
        return pf_arena_printf(c->scratch, "waits for a %s %s that %s holds%s", noun, memory,
                               pf_case_label(c, futex->owner),
                               futex->kind == PF_FUTEX_RWLOCK ? " for writing" : "");
    switch (futex->kind) {
    case PF_FUTEX_SEMAPHORE:
        return pf_arena_printf(c->scratch, "waits for a semaphore %s to be posted", memory);
    case PF_FUTEX_CONDITION:
        return pf_arena_printf(c->scratch, "waits for a condition variable %s to be signalled", memory);
    case PF_FUTEX_BARRIER:
        return pf_arena_printf(c->scratch, "waits at a barrier %s until %" PRIu64 " more thread%s", memory,
                               futex->missing, futex->missing == 1 ? " comes" : "s come");
    case PF_FUTEX_RWLOCK:
        return futex->readers ? pf_arena_printf(c->scratch, "waits for a rwlock %s that %s for reading",
                                                memory, readers_of(c, futex))
                              : pf_arena_printf(c->scratch, "waits for a rwlock %s", memory);
    default:
        return pf_arena_printf(c->scratch, "waits for a %s %s", noun, memory);
    }
}

static const char *child_phrase(const struct pf_case *c, const struct pf_wait *wait)
{
    const char **names = pf_arena_alloc(c->scratch, (wait->target_count + 1) * sizeof(*names));
    for (size_t i = 0; i < wait->target_count; i++)
        names[i] = wait->targets[i].process ? pf_case_label(c, wait->targets[i].process) : "a child";
    if (wait->target_count == 1)
        return pf_arena_printf(c->scratch, "waits for process %s to end", names[0]);
    return pf_arena_printf(c->scratch, "waits for any of its children to end: %s",
                           pf_phrase_list(c->scratch, names, wait->target_count));
}

/* Through which of its descriptors a process has the object; NULL: none. */
static const struct pf_holder *hold_of(const struct pf_object *object, const char *process)
{
    for (size_t i = 0; i < object->holder_count; i++)
        if (strcmp(object->holders[i].process, process) == 0)
            return &object->holders[i];
    return NULL;
}

static const char *wish(const struct pf_case *c, const struct pf_thread_state *waiter,
                        const struct pf_target *target, bool readable, bool writable);

/* What a member of an epoll set is watched for is not told; which end of a pipe it is says it all the same.
 */
static struct pf_target member_target(const struct pf_case *c, const struct pf_thread_state *waiter,
                                      const char *id)
{
    const struct pf_object *object = pf_snapshot_object(&c->history->snapshot->snapshot, id);
    const struct pf_holder *hold = object ? hold_of(object, waiter->process) : NULL;
    bool full = hold && hold->writes && !hold->reads;
    return (struct pf_target){.object = id, .fd = hold ? hold->fd : -1, .readable = !full, .writable = full};
}

static const char *bare_wish(const struct pf_case *c, const struct pf_thread_state *waiter,
                             const struct pf_target *target)
{
    struct pf_target bare = *target;
    bare.fd = -1;
    return wish(c, waiter, &bare, target->readable, target->writable);
}

static int by_fd(const void *a, const void *b)
{
    const struct pf_target *const *x = a, *const *y = b;
    return ((*x)->fd > (*y)->fd) - ((*x)->fd < (*y)->fd);
}

/* What differs in the number of its descriptor only is of one kind; of many kinds the first ones are told. */
enum { KINDS = LISTED + 2 };

struct kinds {
    const char *bare[KINDS];
    size_t *of; /* for each target its kind */
    size_t count;
};

static struct kinds kinds_of(const struct pf_case *c, const struct pf_thread_state *waiter,
                             const struct pf_target *targets, size_t count)
{
    struct kinds kinds = {.of = pf_arena_alloc(c->scratch, count * sizeof(*kinds.of))};
    for (size_t i = 0; i < count; i++) {
        const char *bare = bare_wish(c, waiter, &targets[i]);
        size_t kind = 0;
        while (kind < kinds.count && kind < KINDS && strcmp(kinds.bare[kind], bare) != 0)
            kind++;
        if (kind == kinds.count && kind < KINDS)
            kinds.bare[kind] = bare;
        kinds.of[i] = kind < KINDS ? kind : kinds.count;
        kinds.count += kinds.of[i] == kinds.count;
    }
    return kinds;
}

/* "data from a pipe (fd 5, 7 or 9)" */
static const char *kind_phrase(const struct pf_case *c, const struct pf_thread_state *waiter,
                               const struct pf_target *targets, size_t count, const struct kinds *kinds,
                               size_t kind, const char *last)
{
    const struct pf_target **alike = pf_arena_alloc(c->scratch, count * sizeof(*alike));
    const char **numbers = pf_arena_alloc(c->scratch, count * sizeof(*numbers));
    size_t like = 0;
    for (size_t i = 0; i < count; i++)
        if (kinds->of[i] == kind)
            alike[like++] = &targets[i];
    const char *whole = wish(c, waiter, alike[0], alike[0]->readable, alike[0]->writable);
    if (like == 1 || strcmp(whole, kinds->bare[kind]) == 0)
        return whole;
    qsort(alike, like, sizeof(*alike), by_fd);
    for (size_t i = 0; i < like; i++)
        numbers[i] = pf_arena_printf(c->scratch, "%" PRId64, alike[i]->fd);
    return pf_arena_printf(c->scratch, "%s (fd %s)", kinds->bare[kind],
                           list(c->scratch, numbers, like, last));
}

/* A pool waits for a pipe of each of its workers: what is alike is told once. */
static const char *wishes(const struct pf_case *c, const struct pf_thread_state *waiter,
                          const struct pf_target *targets, size_t count, const char *last, size_t *ret_kinds)
{
    struct kinds kinds = kinds_of(c, waiter, targets, count);
    const char **texts = pf_arena_alloc(c->scratch, kinds.count * sizeof(*texts));
    for (size_t i = 0; i < kinds.count; i++)
        texts[i] = i < KINDS ? kind_phrase(c, waiter, targets, count, &kinds, i, last) : "";
    *ret_kinds = kinds.count;
    return pf_phrase_list(c->scratch, texts, kinds.count);
}

static const char *member_wishes(const struct pf_case *c, const struct pf_thread_state *waiter,
                                 const char *const *members, size_t count)
{
    struct pf_target *targets = pf_arena_alloc(c->scratch, count * sizeof(*targets));
    size_t kinds;
    for (size_t i = 0; i < count; i++)
        targets[i] = member_target(c, waiter, members[i]);
    return wishes(c, waiter, targets, count, "and", &kinds);
}

const struct pf_object *pf_phrase_untold(const struct pf_case *c, const struct pf_object *set)
{
    for (size_t i = 0; i < set->edge_count; i++) {
        const struct pf_object *member = pf_snapshot_object(&c->history->snapshot->snapshot, set->edges[i]);
        if (member && member->queued &&
            (member->kind == PF_OBJECT_PIPE || member->kind == PF_OBJECT_FIFO ||
             member->kind == PF_OBJECT_SOCKET))
            return member;
    }
    return NULL;
}

static const char *set_wish(const struct pf_case *c, const struct pf_thread_state *waiter,
                            const struct pf_object *set, const char *name)
{
    const char *fired =
        set->disarmed_count ? member_wishes(c, waiter, set->disarmed, set->disarmed_count) : NULL;
    if (fired && set->member_count == 0)
        return pf_arena_printf(
            c->scratch, "an event of %s, in which nothing is armed: it has told once of %s (EPOLLONESHOT)",
            name, fired);
    if (set->member_count == 0)
        return pf_arena_printf(c->scratch, "%s that has no members", name);
    const struct pf_object *untold = pf_phrase_untold(c, set);
    const char *text = pf_arena_printf(c->scratch, "an event of %s, which watches for %s", name,
                                       member_wishes(c, waiter, set->members, set->member_count));
    if (untold)
        text = pf_arena_printf(c->scratch, "%s (of the %s there it has told already: EPOLLET)", text,
                               pf_phrase_count(c->scratch, untold->queued, "byte"));
    return fired ? pf_arena_printf(c->scratch, "%s, and no more for %s (EPOLLONESHOT)", text, fired) : text;
}

/* " (10 messages)": of a queue it is not the size in bytes that is told, but what its maker has set. */
static const char *fill_of(const struct pf_case *c, const struct pf_object *object)
{
    if (object->kind != PF_OBJECT_MQUEUE || !object->queued)
        return "";
    return pf_arena_printf(c->scratch, " (%s)", pf_phrase_count(c->scratch, object->queued, "message"));
}

/* "SIGCHLD, SIGINT or SIGTERM" */
static const char *signals_phrase(const struct pf_case *c, uint64_t signals)
{
    const char *names[64];
    size_t count = 0;
    for (int number = 1; number <= 64; number++) {
        if (!(signals & 1ull << (number - 1)))
            continue;
        const char *name = sigabbrev_np(number);
        names[count++] = name ? pf_arena_printf(c->scratch, "SIG%s", name)
                              : pf_arena_printf(c->scratch, "signal %d", number);
    }
    return list(c->scratch, names, count, "or");
}

static bool few_signals(uint64_t signals)
{
    return signals && __builtin_popcountll(signals) <= LISTED;
}

/* "data from a pipe (fd 4)". */
static const char *wish(const struct pf_case *c, const struct pf_thread_state *waiter,
                        const struct pf_target *target, bool readable, bool writable)
{
    const struct pf_object *object = object_of(c, target);
    if (!object)
        return "something that could not be read";
    if (object->kind == PF_OBJECT_PIDFD && object->pid_of)
        return pf_arena_printf(c->scratch, "process %s to end", pf_case_label(c, object->pid_of));
    const char *name = named_object(c, object, target);
    bool stream = object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO ||
                  object->kind == PF_OBJECT_SOCKET || object->kind == PF_OBJECT_MQUEUE ||
                  object->kind == PF_OBJECT_TTY;
    if (object->listening)
        return pf_arena_printf(c->scratch, "a connection to %s", name);
    if (object->kind == PF_OBJECT_EPOLL)
        return set_wish(c, waiter, object, name);
    if (object->kind == PF_OBJECT_SIGNALFD && few_signals(object->signals))
        return pf_arena_printf(c->scratch, "%s to tell of %s", name, signals_phrase(c, object->signals));
    if (stream && writable && !readable)
        return pf_arena_printf(c->scratch, "room in %s that is full%s", name, fill_of(c, object));
    return stream ? pf_arena_printf(c->scratch, "data from %s", name) : name;
}

static const char *poll_phrase(const struct pf_case *c, const struct pf_thread_state *waiter)
{
    const struct pf_wait *wait = &waiter->wait;
    size_t kinds;
    if (!wait->target_count)
        return "waits in poll for nothing but a signal";
    const char *text = wishes(c, waiter, wait->targets, wait->target_count, "or", &kinds);
    return pf_arena_printf(c->scratch, kinds == 1 ? "waits for %s" : "waits for any of: %s", text);
}

static const char *file_lock_phrase(const struct pf_case *c, const struct pf_object *object,
                                    const struct pf_target *target)
{
    const char *lock =
        pf_arena_printf(c->scratch, "waits for the lock on %s", named_object(c, object, target));
    bool told = object->lock_count == 1 && object->locks[0].process;
    return told ? pf_arena_printf(c->scratch, "%s that %s holds", lock,
                                  pf_case_label(c, object->locks[0].process))
                : lock;
}

/* What Python calls a lock is a semaphore in the memory of the process; a thread's end is one as well. */
static const char *lock_of_python(const struct pf_case *c, const struct pf_thread_state *waiter,
                                  const struct pf_futex *futex)
{
    if (futex->kind != PF_FUTEX_SEMAPHORE || futex->shared || !pf_stands_in_python(c, waiter->thread))
        return "";
    return pf_stands_in_python_join(c, waiter->thread)
               ? " (a lock of Python that a thread releases when it ends)"
               : " (a lock of Python)";
}

static const char *target_phrase(const struct pf_case *c, const struct pf_thread_state *waiter)
{
    const struct pf_wait *wait = &waiter->wait;
    const struct pf_target *target = wait->target_count ? &wait->targets[0] : NULL;
    const struct pf_object *object = object_of(c, target);
    if (!object)
        return pf_arena_printf(c->scratch, "waits in %s for something that could not be read",
                               wait->call ? wait->call : "a system call");
    if (wait->kind == PF_WAIT_FUTEX)
        return object->futex ? pf_arena_printf(c->scratch, "%s%s", futex_phrase(c, object->futex),
                                               lock_of_python(c, waiter, object->futex))
                             : "waits for a lock";
    if (wait->kind == PF_WAIT_LOCK)
        return file_lock_phrase(c, object, target);
    if (wait->kind == PF_WAIT_CONNECT)
        return pf_arena_printf(c->scratch, "waits for its connection through %s to be taken",
                               named_object(c, object, target));
    if (object->kind == PF_OBJECT_SYSV && wait->detail)
        return pf_arena_printf(c->scratch, "waits for %s", wait->detail);
    if (wait->kind == PF_WAIT_SEMAPHORE)
        return "waits for a System V semaphore";
    return pf_arena_printf(c->scratch, "waits for %s",
                           wish(c, waiter, target, wait->kind == PF_WAIT_READ, wait->kind == PF_WAIT_WRITE));
}

static const char *signal_phrase(const struct pf_case *c, const struct pf_wait *wait)
{
    const char *text = few_signals(wait->signals) ? pf_arena_printf(c->scratch, "waits for a signal (%s)",
                                                                    signals_phrase(c, wait->signals))
                                                  : "waits for a signal";
    return wait->pending ? pf_arena_printf(c->scratch, "%s, while %s has come and is blocked", text,
                                           signals_phrase(c, wait->pending))
                         : text;
}

static const char *open_phrase(const struct pf_case *c, const struct pf_wait *wait)
{
    const struct pf_target *target = wait->target_count ? &wait->targets[0] : NULL;
    const struct pf_object *object = object_of(c, target);
    if (!object || !object->path)
        return "waits in open for the other end of a FIFO";
    return pf_arena_printf(c->scratch, "waits for somebody to open the FIFO %s for %s", object->path,
                           target->writable ? "reading" : "writing");
}

const char *pf_phrase_wait(const struct pf_case *c, const struct pf_thread_state *thread)
{
    const struct pf_wait *wait = &thread->wait;
    switch (wait->kind) {
    case PF_WAIT_NONE:
        return "runs";
    case PF_WAIT_SLEEP:
        return "sleeps";
    case PF_WAIT_CHILD:
        return wait->target_count ? child_phrase(c, wait) : "waits for a child to end";
    case PF_WAIT_VFORK:
        return wait->target_count && wait->targets[0].process
                   ? pf_arena_printf(c->scratch, "waits for its vfork child %s to exec or end",
                                     pf_case_label(c, wait->targets[0].process))
                   : "waits for its vfork child to exec or end";
    case PF_WAIT_POLL:
        return poll_phrase(c, thread);
    case PF_WAIT_SIGNAL:
        return signal_phrase(c, wait);
    case PF_WAIT_OPEN:
        return open_phrase(c, wait);
    case PF_WAIT_EXIT:
        return "has ended";
    case PF_WAIT_HELD:
        return "is held by the fault plan";
    case PF_WAIT_STOPPED:
        return wait->detail ? pf_arena_printf(c->scratch, "is held %s", wait->detail) : "is stopped";
    case PF_WAIT_UNKNOWN:
        if (!wait->call && wait->detail)
            return pf_arena_printf(c->scratch, "is blocked in the kernel: %s", wait->detail);
        return pf_arena_printf(c->scratch, "is blocked in %s, which this version cannot read%s%s",
                               wait->call ? wait->call : "a system call", wait->detail ? ": " : "",
                               wait->detail ? wait->detail : "");
    default:
        return target_phrase(c, thread);
    }
}

const char *pf_phrase_doubt(const struct pf_case *c, const struct pf_graph_thread *thread)
{
    switch (thread->state->wait.kind) {
    case PF_WAIT_NONE:
    case PF_WAIT_SLEEP:
    case PF_WAIT_HELD:
    case PF_WAIT_STOPPED:
    case PF_WAIT_SIGNAL:
    case PF_WAIT_UNKNOWN:
        return "";
    default:
        return thread->why ? pf_arena_printf(c->scratch, " (%s)", thread->why) : "";
    }
}

const char *pf_phrase_resource(const struct pf_case *c, const struct pf_thread_state *thread,
                               const struct pf_target *target)
{
    const struct pf_object *object = object_of(c, target);
    if (!object)
        return thread->wait.kind == PF_WAIT_CHILD || thread->wait.kind == PF_WAIT_VFORK ? "end of a process"
               : thread->wait.kind == PF_WAIT_SIGNAL                                    ? "signal"
                                                                                        : "not known";
    if (object->kind == PF_OBJECT_FUTEX && object->futex && object->futex->kind != PF_FUTEX_JOIN)
        return pf_arena_printf(c->scratch, "%s at 0x%" PRIx64 " %s", object_noun(object),
                               object->futex->address, memory_of(c, object->futex));
    const char *noun = object_noun(object);
    const char *text = object->path ? pf_arena_printf(c->scratch, "%s %s", noun, object->path) : noun;
    return target->fd >= 0 ? pf_arena_printf(c->scratch, "%s (fd %" PRId64 ")", text, target->fd)
                           : pf_arena_strdup(c->scratch, text);
}

const char *pf_phrase_deed(const struct pf_thread_state *thread, const struct pf_target *target,
                           const struct pf_object *object)
{
    switch (thread->wait.kind) {
    case PF_WAIT_SIGNAL:
        return "send it";
    case PF_WAIT_STOPPED:
        return "let it go on";
    case PF_WAIT_OPEN:
        return "open it";
    case PF_WAIT_CONNECT:
        return "take it";
    default:
        break;
    }
    if (!object)
        return "end";
    bool reads = thread->wait.kind == PF_WAIT_READ || (target && target->readable);
    switch (object->kind) {
    case PF_OBJECT_FUTEX:
        if (!object->futex || object->futex->kind == PF_FUTEX_PLAIN)
            return "wake it";
        if (object->futex->kind == PF_FUTEX_JOIN)
            return "end";
        return object->futex->kind == PF_FUTEX_SEMAPHORE   ? "post it"
               : object->futex->kind == PF_FUTEX_CONDITION ? "signal it"
               : object->futex->kind == PF_FUTEX_BARRIER   ? "come to it"
                                                           : "unlock it";
    case PF_OBJECT_PIPE:
    case PF_OBJECT_FIFO:
    case PF_OBJECT_SOCKET:
    case PF_OBJECT_MQUEUE:
        return reads ? "write to it" : "read from it";
    case PF_OBJECT_PIDFD:
        return "end";
    case PF_OBJECT_EVENTFD:
        return "signal it";
    case PF_OBJECT_TIMERFD:
        return "set it";
    case PF_OBJECT_FILE:
        return "release it";
    case PF_OBJECT_SYSV:
        return thread->wait.kind == PF_WAIT_SEMAPHORE ? "change it" : reads ? "send it" : "receive one";
    default:
        return "end that wait";
    }
}

const char *pf_phrase_end(const struct pf_case *c, const struct pf_life *life)
{
    if (!life || !life->exit)
        return "lives";
    const struct pf_ev_exit *end = &life->exit->exit;
    if (!end->signaled)
        return pf_arena_printf(c->scratch, "ended with status %" PRIu64, end->code);
    return end->signal ? pf_arena_printf(c->scratch, "was killed by %s", end->signal)
                       : pf_arena_printf(c->scratch, "was killed by signal %" PRIu64, end->code);
}
