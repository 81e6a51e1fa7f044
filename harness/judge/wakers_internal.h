/* wakers_internal.h - what finds wakers: what it looks at, what it may add, and whole kinds of objects. */
#ifndef PF_JUDGE_WAKERS_INTERNAL_H
#define PF_JUDGE_WAKERS_INTERNAL_H

#include "judge/wakers.h"

/* The ends of an object that can be waited at: each has its own party. */
enum pf_end {
    PF_END_WRITERS,
    PF_END_READERS,
    PF_END_HOLDERS,
    PF_END_MAPPERS,
    PF_END__COUNT,
};

_Static_assert((int)PF_END__COUNT == (int)PF_ENDS, "a slot for every end");

/* The part of a wait that is looked at: a target and what would end it there. */
struct pf_waker_search {
    struct pf_graph *graph;
    struct pf_graph_thread *thread;
    const struct pf_target *target;
    bool readable, writable;
    bool through_epoll; /* interest may be edge-triggered: what is already there need not wake */
};

/* wakers_add.c: one reason at a time. */

/* The wait may end so even if no waker acts. `why` is a phrase. */
void pf_wakers_raise(struct pf_graph_thread *thread, enum pf_grade grade, const char *why);

/* Somebody who could end the wait; what it returns may be changed until the next one is added. */
struct pf_waker *pf_wakers_add(const struct pf_waker_search *search, enum pf_waker_kind kind, size_t index,
                               const struct pf_object *object);

/* A process that could, but of whom no ordinary story tells. */
void pf_wakers_add_remote(const struct pf_waker_search *search, size_t process);
/* One that the snapshot names; if it does not describe it, it counts as alive. */
void pf_wakers_add_process(const struct pf_waker_search *search, const char *address,
                           const struct pf_object *object, bool remote);

void pf_wakers_add_anyone(const struct pf_waker_search *search, const struct pf_object *object);

/* Those who hold one end of the object; NULL when that is nobody who was seen. */
struct pf_waker *pf_wakers_add_party(const struct pf_waker_search *search, const struct pf_object *object,
                                     enum pf_end end);

/* The wait ends as the process does. */
void pf_wakers_end_of_process(const struct pf_waker_search *search, const char *address);

/* Somebody outside could end the wait, as whoever lives in the tree could. */
void pf_wakers_by_anybody(const struct pf_waker_search *search, const struct pf_object *object,
                          const char *why);

/* The same by a signal or by a name: nobody does so who has nothing to do with the program. */
void pf_wakers_by_insiders(const struct pf_waker_search *search, const struct pf_object *object,
                           const char *why);

/* Somebody outside can reach the object by its name. */
void pf_wakers_by_reach(const struct pf_waker_search *search, const struct pf_object *object,
                        const char *otherwise);

/* wakers_objects.c: what has ends, and what is polled. */

/*
 * Signals of the C library and those that a thread brings upon itself come from nobody else. When SIGCHLD is
 * all that is left, only who lives in the tree sends it: children that end, or whoever makes as if one did.
 */
void pf_wakers_of_signal(const struct pf_waker_search *search, const struct pf_object *object,
                         uint64_t signals);

/* Whoever could make the object readable, or writable, as the search asks; `depth` counts nested epoll sets.
 */
void pf_wakers_of_object(const struct pf_waker_search *search, const struct pf_object *object, int depth);

/* wakers_locks.c: words in memory, and locks of files. */

/* Returns whether the wait is a hard one: only the known owner, or nobody, can end it. */
bool pf_wakers_of_futex(const struct pf_waker_search *search, const struct pf_object *object);

/* Returns whether the wait is a hard one: the holders are known. */
bool pf_wakers_of_file_lock(const struct pf_waker_search *search, const struct pf_object *object);

#endif
