/*
 * idle.h - what holds of a run at its deadline if those who only wake for their time are left out: a
 * runtime's housekeepers tick for ever, and a program that polls may itself be what others wait for.
 */
#ifndef PF_JUDGE_IDLE_H
#define PF_JUDGE_IDLE_H

#include "judge/case.h"
#include "judge/chain.h"

/* The graph without those that only wake and wait again, and those that wait for a time. NULL when somebody
 * did more than that, or nobody woke. It lives in scratch. */
const struct pf_graph *pf_idle_graph(const struct pf_case *c);

/* In such a graph the program's first thread stands in a circle of several processes, in which somebody waits
 * for an end or for room. */
bool pf_idle_circle(const struct pf_graph *graph);

/* A way through such a graph ends at somebody who waits for room that only such a thread could make, or for a
 * lock that it has. Returns that thread, whose own wait is then no part of the way; NULL: it does not end so.
 */
const struct pf_graph_thread *pf_idle_culprit(const struct pf_graph *graph, struct pf_chain *chain);

/* The graph with only the lost in it: those whose wait nobody at all could end, whoever lives on in the tree
 * or comes from outside. NULL: none is lost. It lives in scratch. */
const struct pf_graph *pf_idle_lost(const struct pf_case *c);

#endif
