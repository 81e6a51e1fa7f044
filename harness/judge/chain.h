/* chain.h - ways through the stuck part of the wait-for graph: who waits for whom, until it closes or ends.
 */
#ifndef PF_JUDGE_CHAIN_H
#define PF_JUDGE_CHAIN_H

#include "judge/graph.h"

/* One stuck thread waits for something that another one will not do. */
struct pf_link {
    size_t from;                  /* thread */
    const struct pf_waker *waker; /* NULL: nobody at all could end the wait */
    size_t to;                    /* thread, or PF_NOWHERE */
};

struct pf_chain {
    struct pf_link *links;
    size_t count;
    size_t closes_at; /* index of the link whose `from` the last link leads back to, or PF_NOWHERE */
};

/* Which links a search may follow; NULL follows all. */
typedef bool pf_link_filter(const struct pf_graph *graph, const struct pf_link *link);

/*
 * Walks over all links of a stuck thread, in the order of its wakers and of their threads:
 *     struct pf_link_walk walk = {.from = thread};
 *     for (struct pf_link link; pf_link_next(graph, &walk, &link);) …
 */
struct pf_link_walk {
    size_t from;
    size_t waker, process, thread; /* where the walk stands */
};
bool pf_link_next(const struct pf_graph *graph, struct pf_link_walk *walk, struct pf_link *ret_link);
/* The first link only; false when nobody could end the wait. */
bool pf_link_first(const struct pf_graph *graph, size_t thread, struct pf_link *ret_link);

/* The shortest way of at least one link; `to` may be `from`. Returns NULL when there is none. */
struct pf_chain *pf_chain_between(const struct pf_graph *graph, size_t from, size_t to,
                                  pf_link_filter *filter);

/* `first` and then `second`; closed where the end of the second meets a thread of the whole. */
struct pf_chain *pf_chain_join(const struct pf_graph *graph, const struct pf_chain *first,
                               const struct pf_chain *second);

/* The way (NULL: none) and then the wait of thread `last`, which nobody could end. */
struct pf_chain *pf_chain_to_nobody(const struct pf_graph *graph, const struct pf_chain *way, size_t last);

/* The way (NULL: none), and then what keeps its end, thread `last`, waiting: a circle, or nobody at all. */
struct pf_chain *pf_chain_beyond(const struct pf_graph *graph, struct pf_chain *way, size_t last);

/*
 * The shortest story that starts with a stuck thread: a way to a wait that nobody could end (one that a dead
 * owner leaves behind is preferred, for that is the cause), or a way that closes to a circle.
 */
struct pf_chain *pf_chain_from(const struct pf_graph *graph, size_t start);

/* The wait is for the end of a process or of a thread. */
bool pf_link_is_for_end(const struct pf_graph *graph, const struct pf_link *link);
/* The wait, or the part of it that the link stands for, is for room in a stream that is full. */
bool pf_link_is_for_room(const struct pf_graph *graph, const struct pf_link *link);
/* Whoever could end the wait waits at the very same word. */
bool pf_link_is_to_peer(const struct pf_graph *graph, const struct pf_link *link);
/* Both threads are of one process. */
bool pf_link_is_internal(const struct pf_graph *graph, const struct pf_link *link);
/* Either of the two: where the end of a process takes the end of its threads. */
bool pf_link_leads_to_end(const struct pf_graph *graph, const struct pf_link *link);

#endif
