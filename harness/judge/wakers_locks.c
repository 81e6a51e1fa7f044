#include "judge/wakers_internal.h"

#include <string.h>

/* A word in memory: everybody who can reach it may wake the waiter. */
static void reach_wakers(const struct pf_waker_search *search, const struct pf_object *object)
{
    const struct pf_futex *futex = object->futex;
    if (!futex->shared) {
        pf_wakers_add(search, PF_WAKER_PROCESS, search->thread->process, object);
        return;
    }
    if (!pf_wakers_add_party(search, object, PF_END_MAPPERS))
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known who shares the memory");
    /* Memory with a name can still be mapped by anybody who runs. */
    if (object->external || object->named)
        pf_wakers_add_anyone(search, object);
}

/* A lock whose owner is known: true when the wait is on the owner and on nobody else. */
static bool owner_waker(const struct pf_waker_search *search, const struct pf_object *object)
{
    const struct pf_futex *futex = object->futex;
    bool kernel_wakes = futex->kind == PF_FUTEX_ROBUST || futex->kind == PF_FUTEX_PI;
    if (futex->owner) {
        size_t owner = pf_lookup_find(&search->graph->thread_index, futex->owner);
        if (owner == PF_NOWHERE) {
            pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the owner of the lock was not seen");
            return false;
        }
        bool told = kernel_wakes || futex->kind == PF_FUTEX_JOIN;
        if (told && search->graph->threads[owner].state->wait.kind == PF_WAIT_EXIT) {
            pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the kernel tells it of that thread's end");
            return false;
        }
        if (search->graph->threads[owner].state->wait.kind == PF_WAIT_EXIT)
            return true; /* ended threads unlock nothing */
        size_t process = search->graph->threads[owner].process;
        if (kernel_wakes && process != search->thread->process)
            pf_wakers_add(search, PF_WAKER_PROCESS, process, object); /* its end hands the lock over */
        else
            pf_wakers_add(search, PF_WAKER_THREAD, owner, object);
        return true;
    }
    if (futex->dead_owner || futex->owner_elsewhere) {
        if (kernel_wakes)
            pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the kernel hands a dead owner's lock on");
        return !kernel_wakes;
    }
    if (futex->owner_tid)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the owner of the lock is not known");
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
static bool is_closed(const struct pf_waker_search *search, const struct pf_object *object)
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

bool pf_wakers_of_futex(const struct pf_waker_search *search, const struct pf_object *object)
{
    pf_wakers_by_reach(search, object, "memory shared with somebody outside");
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
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "the thread it joins was not seen");
        return false;
    default:
        reach_wakers(search, object);
        return false;
    }
}

bool pf_wakers_of_file_lock(const struct pf_waker_search *search, const struct pf_object *object)
{
    if (object->external)
        pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE,
                        object->external_why ? object->external_why
                                             : "somebody outside the tree may hold the lock");
    for (size_t i = 0; i < object->lock_count; i++) {
        const struct pf_file_lock *lock = &object->locks[i];
        if (lock->process)
            pf_wakers_add_process(search, lock->process, object, false);
        /* An open file, and the lock with it, may be shared by inheritance: any of its holders can let go.
         * The kernel names those who carry this lock; who else has the file open is no part of the story. */
        bool posix = lock->type && strcmp(lock->type, "posix") == 0;
        size_t heirs = posix ? 0 : object->holder_count;
        for (size_t k = 0; k < heirs; k++)
            pf_wakers_add_process(search, object->holders[k].process, object, lock->process != NULL);
        if (!lock->process && !heirs)
            pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE, "the lock is held outside the tree");
    }
    if (!object->lock_count || search->graph->obscured)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "it is not known who holds the lock");
    return true;
}
