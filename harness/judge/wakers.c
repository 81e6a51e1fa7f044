#include "judge/wakers.h"

#include <string.h>

enum { EPOLL_DEPTH = 5 }; /* the kernel allows no deeper nesting of epoll sets */

/* The ends of an object that can be waited at: each has its own party. */
enum end {
    END_WRITERS,
    END_READERS,
    END_HOLDERS,
    END_MAPPERS,
    END__COUNT,
};
_Static_assert((int)END__COUNT == (int)PF_ENDS, "a slot for every end");

/* The part of a wait that is looked at: a target and what would end it there. */
struct search {
    struct pf_graph *graph;
    struct pf_graph_thread *thread;
    const struct pf_target *target;
    bool readable, writable;
    bool through_epoll; /* interest may be edge-triggered: what is already there need not wake */
};

static void raise_base(struct pf_graph_thread *thread, enum pf_grade grade, const char *why)
{
    if (grade > thread->base) {
        thread->base = grade;
        thread->why = why;
    }
}

static struct pf_waker *add(const struct search *search, enum pf_waker_kind kind, size_t index,
                            const struct pf_object *object)
{
    struct pf_graph_thread *thread = search->thread;
    struct pf_waker *waker =
        pf_arena_grow(search->graph->arena, &thread->wakers, &thread->waker_count, sizeof(*waker));
    *waker = (struct pf_waker){.kind = kind, .index = index, .target = search->target, .object = object};
    return waker;
}

static void add_remote(const struct search *search, size_t process)
{
    add(search, PF_WAKER_PROCESS, process, NULL)->remote = true;
}

static void add_process(const struct search *search, const char *address, const struct pf_object *object,
                        bool remote)
{
    size_t index = pf_lookup_find(&search->graph->process_index, address);
    if (index == PF_NOWHERE)
        raise_base(search->thread, PF_GRADE_ALIVE, "somebody unseen could end it");
    else
        add(search, PF_WAKER_PROCESS, index, object)->remote = remote;
}

static void add_anyone(const struct search *search, const struct pf_object *object)
{
    add(search, PF_WAKER_ANYONE, 0, object);
}

static void join_party(struct pf_graph *graph, struct pf_party *party, const char *address)
{
    size_t process = pf_lookup_find(&graph->process_index, address);
    if (process == PF_NOWHERE)
        party->unseen = true;
    else if (!party->count || party->processes[party->count - 1] != process)
        *(size_t *)pf_arena_grow(graph->arena, &party->processes, &party->count, sizeof(size_t)) = process;
}

static struct pf_party *new_party(struct pf_graph *graph, const struct pf_object *object, enum end end)
{
    struct pf_party *party = pf_arena_alloc(graph->arena, sizeof(*party));
    for (size_t i = 0; end != END_MAPPERS && i < object->holder_count; i++) {
        const struct pf_holder *holder = &object->holders[i];
        if (end == END_HOLDERS || (end == END_READERS ? holder->reads : holder->writes))
            join_party(graph, party, holder->process);
    }
    for (size_t i = 0; end == END_MAPPERS && i < object->futex->process_count; i++)
        join_party(graph, party, object->futex->processes[i]);
    return party;
}

/* Those who hold one end of the object; NULL when that is nobody who was seen. */
static struct pf_waker *add_party(const struct search *search, const struct pf_object *object, enum end end)
{
    struct pf_graph *graph = search->graph;
    size_t slot = (size_t)(object - graph->snapshot->objects) * END__COUNT + (size_t)end;
    if (!graph->parties[slot])
        graph->parties[slot] = new_party(graph, object, end);
    const struct pf_party *party = graph->parties[slot];
    if (party->unseen)
        raise_base(search->thread, PF_GRADE_ALIVE, "somebody unseen could end it");
    if (!party->count)
        return NULL;
    struct pf_waker *waker = add(search, PF_WAKER_PARTY, PF_NOWHERE, object);
    waker->party = party;
    return waker;
}

static void end_of_process(const struct search *search, const char *address)
{
    size_t index = pf_lookup_find(&search->graph->process_index, address);
    const struct pf_process_state *state = index == PF_NOWHERE ? NULL : search->graph->processes[index].state;
    if (index == PF_NOWHERE || (state && state->zombie))
        raise_base(search->thread, PF_GRADE_ALIVE, "what it waits for has just ended");
    else
        add(search, PF_WAKER_PROCESS, index, NULL);
}

static void pipe_wakers(const struct search *search, const struct pf_object *object)
{
    bool either = !search->readable && !search->writable; /* waits for a hang-up only */
    bool found = false; /* somebody who could end it; who is unseen has made it ALIVE */
    if (search->readable && object->queued > 0 && !search->through_epoll)
        raise_base(search->thread, PF_GRADE_ALIVE, "data is there to be read");
    if (search->readable || either)
        found |= add_party(search, object, END_WRITERS) != NULL;
    if (search->writable || either)
        found |= add_party(search, object, END_READERS) != NULL;
    if (!found && !search->through_epoll)
        raise_base(search->thread, PF_GRADE_ALIVE,
                   object->external && object->external_why ? object->external_why
                                                            : "the other end is closed, which ends the wait");
}

static void socket_wakers(const struct search *search, const struct pf_object *object)
{
    if (object->listening || search->thread->state->wait.kind == PF_WAIT_ACCEPT) {
        add_anyone(search, object);
        return;
    }
    const struct pf_object *peer = pf_graph_object(search->graph, object->peer);
    if (object->peer_outside)
        raise_base(search->thread, PF_GRADE_OUTSIDE, "the other end is held outside the tree");
    else if (peer && peer->holder_count)
        add_party(search, peer, END_HOLDERS);
    else if (object->external)
        add_anyone(search, object);
    else
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known who holds the other end of the socket");
    struct pf_waker *near =
        add_party(search, object, END_HOLDERS); /* shutdown on this end ends the wait as well */
    if (near)
        near->remote = true;
}

static void object_wakers(const struct search *search, const struct pf_object *object, int depth);

static void epoll_wakers(const struct search *search, const struct pf_object *object, int depth)
{
    /* Who holds the set could add a member that is ready. */
    struct pf_waker *holders = add_party(search, object, END_HOLDERS);
    if (holders)
        holders->remote = true;
    if (depth == EPOLL_DEPTH) {
        raise_base(search->thread, PF_GRADE_ALIVE, "epoll sets are nested too deeply to be followed");
        return;
    }
    for (size_t i = 0; i < object->member_count; i++) {
        const struct pf_object *member = pf_graph_object(search->graph, object->members[i]);
        struct search inner = *search;
        inner.readable = inner.writable = inner.through_epoll = true;
        if (member)
            object_wakers(&inner, member, depth + 1);
        else
            raise_base(search->thread, PF_GRADE_ALIVE, "a member of its epoll set is not known");
    }
}

/* Somebody outside could end the wait, as whoever lives in the tree could. */
static void by_anybody(const struct search *search, const struct pf_object *object, const char *why)
{
    raise_base(search->thread, PF_GRADE_OUTSIDE, why);
    add_anyone(search, object);
}

/* The same by a signal or by a name: nobody does so who has nothing to do with the program. */
static void by_insiders(const struct search *search, const struct pf_object *object, const char *why)
{
    if (!search->graph->secluded)
        raise_base(search->thread, PF_GRADE_OUTSIDE, why);
    add_anyone(search, object);
}

/* Is it reached from outside only by who comes to its name, and does the graph suppose that nobody does? A
 * socket or a file that is watched has its name for those outside. */
static bool is_left_alone(const struct search *search, const struct pf_object *object)
{
    return search->graph->secluded && object->by_name && object->kind != PF_OBJECT_SOCKET &&
           object->kind != PF_OBJECT_INOTIFY;
}

static void by_reach(const struct search *search, const struct pf_object *object, const char *otherwise)
{
    if (object->external && !is_left_alone(search, object))
        raise_base(search->thread, PF_GRADE_OUTSIDE, object->external_why ? object->external_why : otherwise);
}

/*
 * Signals of the C library and those that a thread brings upon itself come from nobody else. When SIGCHLD is
 * all that is left, only who lives in the tree sends it: children that end, or whoever makes as if one did.
 */
static void signal_wakers(const struct search *search, const struct pf_object *object, uint64_t signals)
{
    enum { SIGNAL_CHILD = 17 };
    static const unsigned char own[] = {4,  5,  7,  8, 11,
                                        13, 31, 32, 33}; /* SIGILL… SIGSYS, and the library's */
    for (size_t i = 0; i < sizeof(own); i++)
        signals &= ~(1ull << (own[i] - 1));
    if (signals != 1ull << (SIGNAL_CHILD - 1)) {
        by_insiders(search, object, "anybody can send it a signal");
        return;
    }
    for (size_t i = 0; i < search->graph->process_count; i++) {
        const struct pf_graph_process *child = &search->graph->processes[i];
        if (child->parent == search->thread->process && child->state && !child->state->zombie)
            add(search, PF_WAKER_PROCESS, i, NULL);
    }
    add_anyone(search, object);
}

static void object_wakers(const struct search *search, const struct pf_object *object, int depth)
{
    by_reach(search, object, "somebody outside the tree can act on it");
    if (object->named)
        add_anyone(search, object);
    switch (object->kind) {
    case PF_OBJECT_PIPE:
    case PF_OBJECT_FIFO:
        pipe_wakers(search, object);
        return;
    case PF_OBJECT_SOCKET:
        socket_wakers(search, object);
        return;
    case PF_OBJECT_TIMERFD:
        if (object->armed)
            raise_base(search->thread, PF_GRADE_ALIVE, "the timer it waits for will expire");
        add_party(search, object, END_HOLDERS);
        return;
    case PF_OBJECT_EVENTFD:
        add_party(search, object, END_HOLDERS);
        return;
    case PF_OBJECT_EPOLL:
        epoll_wakers(search, object, depth);
        return;
    case PF_OBJECT_PIDFD:
        end_of_process(search, object->pid_of);
        return;
    case PF_OBJECT_MQUEUE:
        add_party(search, object, END_HOLDERS); /* nearer than others who may come by its name */
        if (!object->named)
            add_anyone(search, object);
        return;
    case PF_OBJECT_SYSV:
        if (!object->named)
            add_anyone(search, object);
        return;
    case PF_OBJECT_TTY:
        by_anybody(search, object, "somebody can type at the terminal");
        return;
    case PF_OBJECT_SIGNALFD:
        signal_wakers(search, object, object->signals);
        return;
    case PF_OBJECT_INOTIFY:
        if (!object->armed)
            add_party(search, object, END_HOLDERS); /* who could watch something once more */
        else if (!object->named)
            by_anybody(search, object, "anybody can change the file it watches");
        return;
    default:
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known who could end this wait");
    }
}

/* A word in memory: everybody who can reach it may wake the waiter. */
static void reach_wakers(const struct search *search, const struct pf_object *object)
{
    const struct pf_futex *futex = object->futex;
    if (!futex->shared) {
        add(search, PF_WAKER_PROCESS, search->thread->process, object);
        return;
    }
    if (!add_party(search, object, END_MAPPERS))
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known who shares the memory");
    /* Memory with a name can still be mapped by anybody who runs. */
    if (object->external || object->named)
        add_anyone(search, object);
}

/* A lock whose owner is known: true when the wait is on the owner and on nobody else. */
static bool owner_waker(const struct search *search, const struct pf_object *object)
{
    const struct pf_futex *futex = object->futex;
    bool kernel_wakes = futex->kind == PF_FUTEX_ROBUST || futex->kind == PF_FUTEX_PI;
    if (futex->owner) {
        size_t owner = pf_lookup_find(&search->graph->thread_index, futex->owner);
        if (owner == PF_NOWHERE) {
            raise_base(search->thread, PF_GRADE_ALIVE, "the owner of the lock was not seen");
            return false;
        }
        bool told = kernel_wakes || futex->kind == PF_FUTEX_JOIN;
        if (told && search->graph->threads[owner].state->wait.kind == PF_WAIT_EXIT) {
            raise_base(search->thread, PF_GRADE_ALIVE, "the kernel tells it of that thread's end");
            return false;
        }
        if (search->graph->threads[owner].state->wait.kind == PF_WAIT_EXIT)
            return true; /* ended threads unlock nothing */
        size_t process = search->graph->threads[owner].process;
        if (kernel_wakes && process != search->thread->process)
            add(search, PF_WAKER_PROCESS, process, object); /* its end hands the lock over */
        else
            add(search, PF_WAKER_THREAD, owner, object);
        return true;
    }
    if (futex->dead_owner || futex->owner_elsewhere) {
        if (kernel_wakes)
            raise_base(search->thread, PF_GRADE_ALIVE, "the kernel hands a dead owner's lock on");
        return !kernel_wakes;
    }
    if (futex->owner_tid)
        raise_base(search->thread, PF_GRADE_ALIVE, "the owner of the lock is not known");
    else
        reach_wakers(search, object);
    return false;
}

static bool keeps_to_itself(const struct pf_graph *graph, size_t process)
{
    const struct pf_process_state *state = process == PF_NOWHERE ? NULL : graph->processes[process].state;
    return state && (state->zombie || state->handles_nothing);
}

static bool is_owned(const struct pf_futex *futex)
{
    return futex->owner_tid || futex->owner || futex->dead_owner || futex->owner_elsewhere;
}

/*
 * Whether only the threads of certain processes will ever reach the word, of their own accord: no signal
 * makes them run a handler. Then to end one of them lets nobody go on, and nor does who lives beside them.
 */
static bool is_closed(const struct search *search, const struct pf_object *object)
{
    const struct pf_graph *graph = search->graph;
    const struct pf_futex *futex = object->futex;
    if (graph->obscured || object->named || object->external || futex->process_only)
        return false;
    bool closed = keeps_to_itself(graph, search->thread->process);
    for (size_t i = 0; closed && i < futex->process_count; i++)
        closed = keeps_to_itself(graph, pf_lookup_find(&graph->process_index, futex->processes[i]));
    return closed;
}

/* Returns whether the wait is a hard one: only the known owner, or nobody, can end it. */
static bool futex_wakers(const struct search *search, const struct pf_object *object)
{
    by_reach(search, object, "memory shared with somebody outside");
    switch (object->futex->kind) {
    case PF_FUTEX_MUTEX:
    case PF_FUTEX_ROBUST:
    case PF_FUTEX_PI:
        return owner_waker(search, object);
    case PF_FUTEX_RWLOCK:
        if (is_owned(object->futex))
            return owner_waker(search, object);
        reach_wakers(search, object);
        return is_closed(search, object);
    case PF_FUTEX_BARRIER:
        reach_wakers(search, object);
        return is_closed(search, object);
    case PF_FUTEX_JOIN:
        if (object->futex->owner)
            return owner_waker(search, object);
        raise_base(search->thread, PF_GRADE_ALIVE, "the thread it joins was not seen");
        return false;
    default:
        reach_wakers(search, object);
        return false;
    }
}

/* Returns whether the wait is a hard one: the holders are known. */
static bool file_lock_wakers(const struct search *search, const struct pf_object *object)
{
    if (object->external)
        raise_base(search->thread, PF_GRADE_OUTSIDE,
                   object->external_why ? object->external_why
                                        : "somebody outside the tree may hold the lock");
    for (size_t i = 0; i < object->lock_count; i++) {
        const struct pf_file_lock *lock = &object->locks[i];
        if (lock->process)
            add_process(search, lock->process, object, false);
        /* An open file, and the lock with it, may be shared by inheritance: any of its holders can let go.
         * The kernel names those who carry this lock; who else has the file open is no part of the story. */
        bool posix = lock->type && strcmp(lock->type, "posix") == 0;
        size_t heirs = posix ? 0 : object->holder_count;
        for (size_t k = 0; k < heirs; k++)
            add_process(search, object->holders[k].process, object, lock->process != NULL);
        if (!lock->process && !heirs)
            raise_base(search->thread, PF_GRADE_OUTSIDE, "the lock is held outside the tree");
    }
    if (!object->lock_count || search->graph->obscured)
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known who holds the lock");
    return true;
}

static void child_wakers(const struct search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    struct search inner = *search;
    for (size_t i = 0; i < wait->target_count; i++) {
        inner.target = &wait->targets[i];
        end_of_process(&inner, wait->targets[i].process);
    }
    if (!wait->target_count)
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known which child it waits for");
    /* Another thread may reap the child first, or make a new one. */
    add_remote(search, search->thread->process);
    /* Were this process a subreaper, any orphan among its descendants could become a child of its own. */
    const char *own = search->thread->state->process;
    for (size_t i = 0; wait->children && i < search->graph->process_count; i++)
        if (i != search->thread->process && pf_address_descends(search->graph->processes[i].address, own))
            add_remote(search, i);
}

static void vfork_wakers(const struct search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    if (!wait->target_count)
        raise_base(search->thread, PF_GRADE_ALIVE, "its vfork child was not seen");
    for (size_t i = 0; i < wait->target_count; i++)
        end_of_process(search, wait->targets[i].process);
}

/* Every target of a wait on objects; what one of them does is enough to end it. */
static void target_wakers(const struct search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    bool hard = wait->target_count > 0;
    if (!wait->target_count)
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known what it waits for");
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_target *target = &wait->targets[i];
        const struct pf_object *object = pf_graph_object(search->graph, target->object);
        struct search inner = *search;
        inner.target = target;
        inner.readable = wait->kind == PF_WAIT_READ || target->readable;
        inner.writable = wait->kind == PF_WAIT_WRITE || target->writable;
        if (!object || (wait->kind == PF_WAIT_FUTEX && !object->futex)) {
            raise_base(search->thread, PF_GRADE_ALIVE, "it is not known what it waits for");
        } else if (wait->kind == PF_WAIT_FUTEX) {
            hard &= futex_wakers(&inner, object);
        } else if (wait->kind == PF_WAIT_LOCK) {
            hard &= file_lock_wakers(&inner, object);
        } else {
            hard = false;
            object_wakers(&inner, object, 0);
        }
    }
    search->thread->hard = hard;
}

static bool has_outsiders(const struct search *search, const struct pf_object *object)
{
    return object &&
           (object->peer_outside || (object->external && !(search->graph->secluded && object->by_name)));
}

/* A connection is taken, or refused, by whoever holds the listening socket. */
static void connect_wakers(const struct search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    bool known = wait->target_count > 0;
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_object *object = pf_graph_object(search->graph, wait->targets[i].object);
        const struct pf_object *listener = object && object->listening
                                               ? object
                                               : pf_graph_object(search->graph, object ? object->peer : NULL);
        struct search inner = *search;
        inner.target = &wait->targets[i];
        known &= listener && add_party(&inner, listener, END_HOLDERS) != NULL;
        if (has_outsiders(search, object) ||
            (listener && listener->external && has_outsiders(search, listener)))
            raise_base(search->thread, PF_GRADE_OUTSIDE, "somebody outside the tree can take the connection");
    }
    if (!known)
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known who listens");
}

static void for_a_signal(const struct search *search)
{
    signal_wakers(search, NULL, search->thread->state->wait.signals);
}

/* The other end of a FIFO is opened by whoever can come to its name. */
static void open_wakers(const struct search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    const struct pf_target *target = wait->target_count ? &wait->targets[0] : NULL;
    const struct pf_object *object = target ? pf_graph_object(search->graph, target->object) : NULL;
    struct search inner = *search;
    inner.target = target;
    if (object && object->named && !object->external)
        add_anyone(&inner, object);
    else
        by_insiders(&inner, NULL, "anybody can open the other end of the FIFO");
}

static void wait_wakers(const struct search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    switch (wait->kind) {
    case PF_WAIT_NONE:
        raise_base(search->thread, PF_GRADE_ALIVE, "it runs");
        return;
    case PF_WAIT_SLEEP:
        raise_base(search->thread, PF_GRADE_ALIVE, "it sleeps for a time only");
        return;
    case PF_WAIT_HELD:
        raise_base(search->thread, PF_GRADE_ALIVE, "the fault plan holds it there");
        return;
    case PF_WAIT_STOPPED:
        by_insiders(search, NULL, "SIGCONT lets it go on");
        return;
    case PF_WAIT_SIGNAL:
        for_a_signal(search);
        return;
    case PF_WAIT_OPEN:
        open_wakers(search);
        return;
    case PF_WAIT_CHILD:
        child_wakers(search);
        return;
    case PF_WAIT_VFORK:
        vfork_wakers(search);
        return;
    case PF_WAIT_CONNECT:
        connect_wakers(search);
        return;
    case PF_WAIT_POLL:
        if (wait->target_count)
            target_wakers(search);
        else
            for_a_signal(search); /* a poll of nothing waits for a signal handler */
        return;
    case PF_WAIT_READ:
    case PF_WAIT_WRITE:
    case PF_WAIT_ACCEPT:
    case PF_WAIT_FUTEX:
    case PF_WAIT_LOCK:
    case PF_WAIT_SEMAPHORE:
        target_wakers(search);
        return;
    default:
        raise_base(search->thread, PF_GRADE_ALIVE, "it is not known what it waits for");
    }
}

/* Could a thread of the waiter's own process end the wait, and so a signal handler that runs in it? */
static bool is_in_own_hands(const struct pf_graph_thread *thread)
{
    if (thread->state->wait.kind == PF_WAIT_CHILD)
        return false; /* who reaps the child in a handler has waited for its end as well */
    for (size_t i = 0; i < thread->waker_count; i++) {
        const size_t *processes;
        if (thread->wakers[i].kind == PF_WAKER_ANYONE)
            return true;
        size_t count = pf_waker_processes(&thread->wakers[i], &processes);
        for (size_t k = 0; k < count; k++)
            if (processes[k] == thread->process)
                return true;
    }
    return false;
}

void pf_wakers_find(struct pf_graph *graph, size_t index)
{
    struct pf_graph_thread *thread = &graph->threads[index];
    const struct pf_process_state *process = graph->processes[thread->process].state;
    struct search search = {.graph = graph, .thread = thread};
    thread->ended = thread->state->wait.kind == PF_WAIT_EXIT;
    if (thread->ended || thread->inert)
        return;
    if (thread->state->wait.timed)
        raise_base(thread, PF_GRADE_ALIVE, "its wait ends by itself after a time");
    if (process && process->timer)
        raise_base(thread, PF_GRADE_ALIVE, "a timer of its process may fire");
    wait_wakers(&search);
    if (process && process->handles_requests && !graph->secluded && !thread->hard && is_in_own_hands(thread))
        raise_base(thread, PF_GRADE_OUTSIDE,
                   "anybody can send it a signal, and its handler may end the wait");
}
