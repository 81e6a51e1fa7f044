/*
 * case.h - everything that is known of one trial while it is judged: what oracles and rules read, and where
 * they write.
 */
#ifndef PF_JUDGE_CASE_H
#define PF_JUDGE_CASE_H

#include "judge/graph.h"
#include "judge/history.h"
#include "model/result.h"

struct pf_case {
    const struct pf_trace *trace;
    const struct pf_ev_begin *begin;
    const struct pf_history *history;
    const struct pf_graph *graph; /* over the snapshot of the verdict; NULL: the verdict names none */
    const struct pf_graph *sober; /* that graph, while a diagnosis supposes more than is known; else NULL */
    const char
        *supposed; /* what that is, as a sentence behind a blank; NULL, or empty: nothing that is told */
    bool proven;   /* the run was ended as stuck, and the graph agrees */
    bool stuck;    /* proven, or would be if nothing unseen interfered: there is a knot to explain */
    struct pf_arena *scratch;      /* gone when the trial is judged */
    struct pf_arena *arena;        /* the result's: whatever the trial points to lives there */
    struct pf_trial_result *trial; /* what is being written */
};

/* Adds a finding and returns it for more evidence; `process` may be NULL. The strings are copied. */
struct pf_finding *pf_case_find(struct pf_case *c, enum pf_finding_kind kind, enum pf_severity severity,
                                const char *process, const char *message);
/* Cites an event; 0 is none. */
void pf_case_cite(struct pf_case *c, struct pf_finding *finding, uint64_t seq);
/* The first finding of a kind, or NULL. */
const struct pf_finding *pf_case_found(const struct pf_case *c, enum pf_finding_kind kind);

/* Why supervision ended the run; PF_VERDICT__COUNT when the trace does not say. */
enum pf_verdict_kind pf_case_verdict(const struct pf_case *c);
const struct pf_life *pf_case_root(const struct pf_case *c);
/* The tree ended by itself, and the root with the status that is right (0, if any is accepted). */
bool pf_case_ended_well(const struct pf_case *c);
/* The exit status as a shell tells it: 128 + N for death by signal N. */
uint64_t pf_case_status(const struct pf_ev_exit *end);
/* The thread that took the lock with it when it ended; NULL: none. */
const char *pf_case_dead_owner(const struct pf_case *c, const struct pf_futex *futex);
/* "0.1 (worker)", for a process or a thread, and of a tree that was found "0.1 (worker 4711)"; lives in
 * scratch. */
const char *pf_case_label(const struct pf_case *c, const char *address);

#endif
