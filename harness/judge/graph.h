/*
 * graph.h - who could ever wake whom: the wait-for graph of one snapshot and its fixpoint.
 *
 * Every thread starts as stuck. A thread is released when something may end its wait: the wait ends by
 * itself, somebody outside the tree can end it, or one of its possible wakers is released. What is left when
 * nothing more can be released is stuck for good. README.md in this folder argues why that is a proof, and on
 * which assumptions.
 */
#ifndef PF_JUDGE_GRAPH_H
#define PF_JUDGE_GRAPH_H

#include "judge/lookup.h"
#include "model/snapshot.h"

/* How a wait may end; a higher grade wins. */
enum pf_grade {
    PF_GRADE_STUCK,   /* it cannot */
    PF_GRADE_OUTSIDE, /* only if somebody outside the tree acts first */
    PF_GRADE_ALIVE,   /* by what runs, or will run, inside the tree; or not known well enough to say */
};

enum pf_waker_kind {
    PF_WAKER_THREAD,  /* this thread alone: the owner of a lock, the thread that is joined */
    PF_WAKER_PROCESS, /* anything that this process does, its end included */
    PF_WAKER_PARTY,   /* the same of several processes: all who hold one end of an object, or map one word */
    PF_WAKER_ANYONE,  /* anybody in the tree: the object can be reached by name */
};

/* Shared by all who wait for the same end of the same object. */
struct pf_party {
    size_t *processes;
    size_t count;
    bool unseen;        /* somebody else is of the party, who is not in the snapshot */
    enum pf_grade acts; /* best of its processes */
    enum pf_grade runs; /* the same where to be struck makes none of them do anything */
};

/* Somebody who could end a wait. */
struct pf_waker {
    enum pf_waker_kind kind;
    size_t index;                   /* thread or process */
    const struct pf_party *party;   /* PF_WAKER_PARTY */
    const struct pf_target *target; /* which part of the wait it would end */
    const struct pf_object *object; /* on which object it would act; NULL: by ending */
    bool remote;                    /* possible, but no part of any ordinary story: chains leave it out */
};

struct pf_graph_thread {
    const struct pf_thread_state *state;
    size_t process;
    struct pf_waker *wakers;
    size_t waker_count;
    enum pf_grade base; /* what the wait alone says */
    const char *why;    /* what gave it that base: a phrase; NULL: base is STUCK */
    bool hard;          /* ending its process, or a signal to it, does not let it go on */
    bool ended;         /* PF_WAIT_EXIT: it does nothing any more */
    bool inert;         /* supposed to do nothing: it only wakes for its time and waits again */
    enum pf_grade grade;
};

struct pf_graph_process {
    const char *address;
    const struct pf_process_state *state; /* NULL: only its threads were seen */
    size_t parent;                        /* the parent that would get its SIGCHLD, or PF_NOWHERE */
    size_t *threads;
    size_t thread_count;
    enum pf_grade base;    /* ALIVE when nothing is known of its threads */
    enum pf_grade running; /* best grade among its threads */
    enum pf_grade struck;  /* may it be ended, or interrupted to run a handler? */
    enum pf_grade acts;    /* may it do anything at all: the best of the three above */
};

struct pf_graph {
    const struct pf_snapshot *snapshot;
    struct pf_arena *arena;
    struct pf_graph_thread *threads; /* same order as in the snapshot */
    struct pf_graph_process *processes;
    size_t process_count;
    struct pf_lookup process_index, thread_index, object_index;
    struct pf_party **parties; /* per object and end, see wakers_internal.h; NULL where nobody waits */
    size_t party_count;
    enum pf_grade anyone; /* best grade of all threads */
    bool trusting;        /* supposes that what could not be seen of a tree that was found is not there */
    bool secluded;        /* supposes that nobody outside does what takes a signal or a name */
    bool obscured;        /* something unread may hold any object: only hard waits can be proven */
    size_t stuck_count;   /* threads that are stuck for good */
};

/* Builds the graph and carries it to its fixpoint. It lives in the arena and points into the snapshot. */
struct pf_graph *pf_graph_new(const struct pf_snapshot *snapshot, struct pf_arena *arena);
/*
 * The same for one who trusts that no alarm is pending that could not be seen, and that processes outside the
 * tree that could not be read hold nothing of it. What is stuck there is likely to be stuck.
 */
struct pf_graph *pf_graph_trust(const struct pf_snapshot *snapshot, struct pf_arena *arena);
/*
 * The same for one who supposes that nobody outside the tree sends a signal to it, or uses what is open to
 * all by its name; and that some threads (`inert`, by their addresses) do nothing for anybody. What is stuck
 * there waits for somebody who has not come yet, and of whom nothing is known.
 */
struct pf_graph *pf_graph_seclude(const struct pf_snapshot *snapshot, const char *const *inert,
                                  size_t inert_count, struct pf_arena *arena);

bool pf_graph_stuck(const struct pf_graph *graph, size_t thread);
/* The processes that a waker stands for; none for a thread or anyone. */
size_t pf_waker_processes(const struct pf_waker *waker, const size_t **ret_processes);
const struct pf_object *pf_graph_object(const struct pf_graph *graph, const char *id);
/* The word in memory that a thread waits for; NULL: it waits for something else. */
const struct pf_futex *pf_graph_futex(const struct pf_graph *graph, size_t thread);

/* Is `ancestor` the process `address` itself or one that it descends from? Addresses tell: "0.2" and "0.2.1".
 */
bool pf_address_descends(const char *address, const char *ancestor);

/* Do both graphs hold the same threads stuck, each in the same wait? */
bool pf_graph_same_knot(const struct pf_graph *a, const struct pf_graph *b);

#endif
