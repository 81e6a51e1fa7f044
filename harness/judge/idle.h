/*
 * idle.h - what holds of a run at its deadline if those who only wake for their time are left out: a
 * runtime's housekeepers tick for ever, and a program that polls may itself be what others wait for.
 */
#ifndef PF_JUDGE_IDLE_H
#define PF_JUDGE_IDLE_H

#include "judge/case.h"
#include "judge/chain.h"

/* The threads that only wake and wait again, and those that wait for a time; some come twice. NULL when
 * somebody did more than that, or nobody woke. They live in scratch. */
const char *const *pf_idle_threads(const struct pf_case *c, size_t *ret_count);

/* The program's first thread stands in a circle of several processes that none of these threads is part of,
 * and in which somebody waits for an end or for room. */
bool pf_idle_circle(const struct pf_case *c);

/* A way through such a graph ends at somebody who waits for room that only such a thread could make, or for a
 * lock that it has. Returns that thread, whose own wait is then no part of the way; NULL: it does not end so.
 */
const struct pf_graph_thread *pf_idle_culprit(const struct pf_graph *graph, struct pf_chain *chain);

/* All threads but the lost: those whose wait nobody at all could end, whoever lives on in the tree or comes
 * from outside. NULL: none is lost. They live in scratch. */
const char *const *pf_idle_but_lost(const struct pf_case *c, size_t *ret_count);

#endif
