#include "judge/wakers_internal.h"

enum { EPOLL_DEPTH = 5 }; /* the kernel allows no deeper nesting of epoll sets */

static void pipe_wakers(const struct pf_waker_search *search, const struct pf_object *object)
{
    bool either = !search->readable && !search->writable; /* waits for a hang-up only */
    bool found = false; /* somebody who could end it; who is unseen has made it ALIVE */
    if (search->readable && object->queued > 0 && !search->through_epoll)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "data is there to be read");
    if (search->readable || either)
        found |= pf_wakers_add_party(search, object, PF_END_WRITERS) != NULL;
    if (search->writable || either)
        found |= pf_wakers_add_party(search, object, PF_END_READERS) != NULL;
    if (!found && !search->through_epoll)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE,
                        object->external && object->external_why
                            ? object->external_why
                            : "the other end is closed, which ends the wait");
}

static void socket_wakers(const struct pf_waker_search *search, const struct pf_object *object)
{
    if (object->listening || search->thread->state->wait.kind == PF_WAIT_ACCEPT) {
        pf_wakers_add_anyone(search, object);
        return;
    }
    const struct pf_object *peer = pf_graph_object(search->graph, object->peer);
    if (object->peer_outside)
        pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE, "the other end is held outside the tree");
    else if (peer && peer->holder_count)
        pf_wakers_add_party(search, peer, PF_END_HOLDERS);
    else if (object->external)
        pf_wakers_add_anyone(search, object);
    else
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE,
                        "it is not known who holds the other end of the socket");
    struct pf_waker *near =
        pf_wakers_add_party(search, object, PF_END_HOLDERS); /* shutdown on this end ends the wait as well */
    if (near)
        near->remote = true;
}

static void epoll_wakers(const struct pf_waker_search *search, const struct pf_object *object, int depth)
{
    /* Who holds the set could add a member that is ready. */
    struct pf_waker *holders = pf_wakers_add_party(search, object, PF_END_HOLDERS);
    if (holders)
        holders->remote = true;
    if (depth == EPOLL_DEPTH) {
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "epoll sets are nested too deeply to be followed");
        return;
    }
    for (size_t i = 0; i < object->member_count; i++) {
        const struct pf_object *member = pf_graph_object(search->graph, object->members[i]);
        struct pf_waker_search inner = *search;
        inner.readable = inner.writable = inner.through_epoll = true;
        if (member)
            pf_wakers_of_object(&inner, member, depth + 1);
        else
            pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "a member of its epoll set is not known");
    }
}

void pf_wakers_of_signal(const struct pf_waker_search *search, const struct pf_object *object,
                         uint64_t signals)
{
    enum { SIGNAL_CHILD = 17 };
    static const unsigned char own[] = {4,  5,  7,  8, 11,
                                        13, 31, 32, 33}; /* SIGILL… SIGSYS, and the library's */
    for (size_t i = 0; i < sizeof(own); i++)
        signals &= ~(1ull << (own[i] - 1));
    if (signals != 1ull << (SIGNAL_CHILD - 1)) {
        pf_wakers_by_insiders(search, object, "anybody can send it a signal");
        return;
    }
    for (size_t i = 0; i < search->graph->process_count; i++) {
        const struct pf_graph_process *child = &search->graph->processes[i];
        if (child->parent == search->thread->process && child->state && !child->state->zombie)
            pf_wakers_add(search, PF_WAKER_PROCESS, i, NULL);
    }
    pf_wakers_add_anyone(search, object);
}

void pf_wakers_of_object(const struct pf_waker_search *search, const struct pf_object *object, int depth)
{
    pf_wakers_by_reach(search, object, "somebody outside the tree can act on it");
    if (object->named)
        pf_wakers_add_anyone(search, object);
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
            pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the timer it waits for will expire");
        pf_wakers_add_party(search, object, PF_END_HOLDERS);
        return;
    case PF_OBJECT_EVENTFD:
        pf_wakers_add_party(search, object, PF_END_HOLDERS);
        return;
    case PF_OBJECT_EPOLL:
        epoll_wakers(search, object, depth);
        return;
    case PF_OBJECT_PIDFD:
        pf_wakers_end_of_process(search, object->pid_of);
        return;
    case PF_OBJECT_MQUEUE:
        pf_wakers_add_party(search, object, PF_END_HOLDERS); /* nearer than others who may come by its name */
        if (!object->named)
            pf_wakers_add_anyone(search, object);
        return;
    case PF_OBJECT_SYSV:
        if (!object->named)
            pf_wakers_add_anyone(search, object);
        return;
    case PF_OBJECT_TTY:
        pf_wakers_by_anybody(search, object, "somebody can type at the terminal");
        return;
    case PF_OBJECT_SIGNALFD:
        pf_wakers_of_signal(search, object, object->signals);
        return;
    case PF_OBJECT_INOTIFY:
        if (!object->armed)
            pf_wakers_add_party(search, object, PF_END_HOLDERS); /* who could watch something once more */
        else if (!object->named)
            pf_wakers_by_anybody(search, object, "anybody can change the file it watches");
        return;
    default:
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known who could end this wait");
    }
}
