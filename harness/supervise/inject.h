/*
 * inject.h - which rule strikes when: triggers are counted, and the actions of those that are met carried
 * out.
 */
#ifndef PF_SUPERVISE_INJECT_H
#define PF_SUPERVISE_INJECT_H

#include "supervise/grip.h"

/* Something that a trigger may be waiting for. */
struct pf_occurrence {
    enum pf_trigger_kind kind;
    struct pf_process *process;
    struct pf_task *task;             /* the thread it happened in; NULL: the process as a whole, or a time */
    bool of_thread;                   /* a birth or an end, of this thread and not of its process */
    const struct pf_call *call;       /* PF_TRIGGER_SYSCALL */
    const char *at;                   /* what happened, for the trace: "write", "point=lock-held" */
    const char *point;                /* PF_TRIGGER_POINT */
    const struct pf_trigger *trigger; /* PF_TRIGGER_STEP: whose instruction it is */
    uint64_t count;                   /* PF_TRIGGER_STEP: which call of the function, from 1 */
};

/* Sets up rules and counters for run->trial. */
void pf_inject_init(struct pf_run *run);
/* How many counters every process needs. */
size_t pf_inject_counters(const struct pf_run *run);

/*
 * Counts the occurrence against every rule and carries out those that it meets. Returns true when the caller
 * may go on now as grip->answer says; false when it is held (it will be released through the grip) or was
 * killed.
 */
bool pf_inject_meet(struct pf_run *run, const struct pf_occurrence *occurrence, struct pf_grip *grip);
/* Overwrites the memory that arguments of the call point to. Returns 0 or -errno. */
int pf_inject_poke(const struct pf_task *task, const struct pf_call *call, const struct pf_action *action);

/* Says of each rule how often its trigger came. */
void pf_inject_end(const struct pf_run *run, struct pf_ev_end *end);

/* Time triggers that are due. */
void pf_inject_tick(struct pf_run *run);
/* When pf_inject_tick has something to do next, on the trace's clock; UINT64_MAX: never. */
uint64_t pf_inject_due(const struct pf_run *run);

#endif
