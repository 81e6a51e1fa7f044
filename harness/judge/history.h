/*
 * history.h - the trace, indexed by process: who was born of whom, who was struck by what, who ended how.
 *
 * Deaths after the verdict are the harness's own doing: they are no part of anybody's history.
 */
#ifndef PF_JUDGE_HISTORY_H
#define PF_JUDGE_HISTORY_H

#include "judge/lookup.h"
#include "model/trace.h"

struct pf_life {
    const char *process;
    const char *parent; /* as forked; NULL for the root */
    const char *name;   /* what it last called itself; NULL: not known */
    const struct pf_event *fork;
    const struct pf_event *exec;     /* the last one; NULL: still the image it was forked with */
    const struct pf_event *exit;     /* before the verdict; NULL: it lived then */
    const struct pf_event *usage;    /* NULL: not told */
    const struct pf_event **signals; /* signal, kill and inject events that aim at it alone */
    size_t signal_count;
    uint64_t bond;          /* the signal that the kernel sends it when its parent ends; 0: none */
    size_t threads;         /* beside its main thread: alive at the end of the trace, or when it ended */
    size_t parents_threads; /* the same of its parent, when this process was born */
    bool made_threads;      /* ever, in the image it has now */
};

struct pf_history {
    const struct pf_trace *trace;
    struct pf_life *lives; /* in the order of their birth */
    size_t life_count;
    struct pf_lookup index;
    const struct pf_event **broadcasts; /* kills and injected signals that aim at groups */
    size_t broadcast_count;
    const struct pf_event *verdict;  /* NULL: the trace has none */
    const struct pf_event *snapshot; /* the one that the verdict rests on, or NULL */
    const struct pf_event *end;
};

struct pf_history *pf_history_new(const struct pf_trace *trace, struct pf_arena *arena);

/* NULL when no such process was born. */
const struct pf_life *pf_history_life(const struct pf_history *history, const char *process);
/* Does it still run in the memory that fork copied from its parent? Where execs are not followed, the name
 * tells. */
bool pf_history_keeps_image(const struct pf_history *history, const struct pf_life *life);
/* Was it born of the image that its parent has now? Who was born before that exec knows nothing of what is in
 * it. */
bool pf_history_is_of_image(const struct pf_history *history, const struct pf_life *life);
/* The process of a thread address: "0.2" for "0.2/t1". Lives in the arena. */
const char *pf_process_of(const char *thread, struct pf_arena *arena);
/* Of a name given to exec and one read from the kernel, which cuts it: the one that says more. */
const char *pf_longer_name(const char *name, const char *comm);
/* An event by its number, or NULL. */
const struct pf_event *pf_history_event(const struct pf_history *history, uint64_t seq);
/* Where the thread stood that this inject event struck, or NULL. */
const struct pf_ev_stack *pf_history_strike_stack(const struct pf_history *history, uint64_t inject);
/* Where a thread stood after the verdict: the last of its stack events, or NULL. */
const struct pf_ev_stack *pf_history_stack(const struct pf_history *history, const char *thread,
                                           uint64_t *ret_seq);

/* Signals by which people and supervisors ask a program to end. */
bool pf_asks_to_end(uint64_t number);

/* How a death by signal came about. */
enum pf_cause {
    PF_CAUSE_TREE,     /* somebody in the tree sent it, or asked for it */
    PF_CAUSE_INJECTED, /* a fault of the plan, or the user through the harness */
    PF_CAUSE_KERNEL,   /* the kernel, for what the process itself did */
    PF_CAUSE_OUTSIDE,  /* sent from outside the tree */
    PF_CAUSE_UNKNOWN,
};

/* Who meant the death of a process that ended by a signal; the event that says so, or NULL. */
enum pf_cause pf_history_cause(const struct pf_history *history, const struct pf_life *life,
                               const struct pf_event **ret_event);

#endif
