#include "judge/wakers_internal.h"

static void child_wakers(const struct pf_waker_search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    struct pf_waker_search inner = *search;
    for (size_t i = 0; i < wait->target_count; i++) {
        inner.target = &wait->targets[i];
        pf_wakers_end_of_process(&inner, wait->targets[i].process);
    }
    if (!wait->target_count)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known which child it waits for");
    /* Another thread may reap the child first, or make a new one. */
    pf_wakers_add_remote(search, search->thread->process);
    /* Were this process a subreaper, any orphan among its descendants could become a child of its own. */
    const char *own = search->thread->state->process;
    for (size_t i = 0; wait->children && i < search->graph->process_count; i++)
        if (i != search->thread->process && pf_address_descends(search->graph->processes[i].address, own))
            pf_wakers_add_remote(search, i);
}

static void vfork_wakers(const struct pf_waker_search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    if (!wait->target_count)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "its vfork child was not seen");
    for (size_t i = 0; i < wait->target_count; i++)
        pf_wakers_end_of_process(search, wait->targets[i].process);
}

/* Every target of a wait on objects; what one of them does is enough to end it. */
static void target_wakers(const struct pf_waker_search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    bool hard = wait->target_count > 0;
    if (!wait->target_count)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known what it waits for");
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_target *target = &wait->targets[i];
        const struct pf_object *object = pf_graph_object(search->graph, target->object);
        struct pf_waker_search inner = *search;
        inner.target = target;
        inner.readable = wait->kind == PF_WAIT_READ || target->readable;
        inner.writable = wait->kind == PF_WAIT_WRITE || target->writable;
        if (!object || (wait->kind == PF_WAIT_FUTEX && !object->futex)) {
            pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known what it waits for");
        } else if (wait->kind == PF_WAIT_FUTEX) {
            hard &= pf_wakers_of_futex(&inner, object);
        } else if (wait->kind == PF_WAIT_LOCK) {
            hard &= pf_wakers_of_file_lock(&inner, object);
        } else {
            hard = false;
            pf_wakers_of_object(&inner, object, 0);
        }
    }
    search->thread->hard = hard;
}

static bool has_outsiders(const struct pf_waker_search *search, const struct pf_object *object)
{
    return object &&
           (object->peer_outside || (object->external && !(search->graph->secluded && object->by_name)));
}

/* A connection is taken, or refused, by whoever holds the listening socket. */
static void connect_wakers(const struct pf_waker_search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    bool known = wait->target_count > 0;
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_object *object = pf_graph_object(search->graph, wait->targets[i].object);
        const struct pf_object *listener = object && object->listening
                                               ? object
                                               : pf_graph_object(search->graph, object ? object->peer : NULL);
        struct pf_waker_search inner = *search;
        inner.target = &wait->targets[i];
        known &= listener && pf_wakers_add_party(&inner, listener, PF_END_HOLDERS) != NULL;
        if (has_outsiders(search, object) ||
            (listener && listener->external && has_outsiders(search, listener)))
            pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE,
                            "somebody outside the tree can take the connection");
    }
    if (!known)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known who listens");
}

static void for_a_signal(const struct pf_waker_search *search)
{
    pf_wakers_of_signal(search, NULL, search->thread->state->wait.signals);
}

/* The other end of a FIFO is opened by whoever can come to its name. */
static void open_wakers(const struct pf_waker_search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    const struct pf_target *target = wait->target_count ? &wait->targets[0] : NULL;
    const struct pf_object *object = target ? pf_graph_object(search->graph, target->object) : NULL;
    struct pf_waker_search inner = *search;
    inner.target = target;
    if (object && object->named && !object->external)
        pf_wakers_add_anyone(&inner, object);
    else
        pf_wakers_by_insiders(&inner, NULL, "anybody can open the other end of the FIFO");
}

static void wait_wakers(const struct pf_waker_search *search)
{
    const struct pf_wait *wait = &search->thread->state->wait;
    switch (wait->kind) {
    case PF_WAIT_NONE:
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it runs");
        return;
    case PF_WAIT_SLEEP:
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it sleeps for a time only");
        return;
    case PF_WAIT_HELD:
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the fault plan holds it there");
        return;
    case PF_WAIT_STOPPED:
        pf_wakers_by_insiders(search, NULL, "SIGCONT lets it go on");
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
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known what it waits for");
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
    struct pf_waker_search search = {.graph = graph, .thread = thread};
    thread->ended = thread->state->wait.kind == PF_WAIT_EXIT;
    if (thread->ended || thread->inert)
        return;
    if (thread->state->wait.timed)
        pf_wakers_raise(thread, PF_GRADE_ALIVE, "its wait ends by itself after a time");
    if (process && process->timer)
        pf_wakers_raise(thread, PF_GRADE_ALIVE, "a timer of its process may fire");
    wait_wakers(&search);
    if (process && process->handles_requests && !graph->secluded && !thread->hard && is_in_own_hands(thread))
        pf_wakers_raise(thread, PF_GRADE_OUTSIDE,
                        "anybody can send it a signal, and its handler may end the wait");
}
