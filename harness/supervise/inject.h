/*
 * inject.h - which rule strikes when: triggers are counted, actions carried out, held callers kept and let
 * go.
 */
#ifndef PF_SUPERVISE_INJECT_H
#define PF_SUPERVISE_INJECT_H

#include "supervise/run.h"

/* Something that a trigger may be waiting for. */
struct pf_occurrence {
    enum pf_trigger_kind kind;
    struct pf_process *process;
    struct pf_task *task; /* the thread it happened in; NULL: none is waiting for an answer */
    int call;             /* PF_TRIGGER_SYSCALL */
    const char *at;       /* what happened, for the trace: "write", "point=lock-held" */
    const char *point;    /* PF_TRIGGER_POINT */
};

/* What becomes of a caller that waits in a notified system call. */
struct pf_answer {
    bool skip; /* the call is not made: it returns `value`, or fails with errno `error` */
    int64_t value;
    int error;
};

/* How a held caller is kept. */
struct pf_grip {
    uint64_t notification; /* id of the seccomp notification; 0: it sits in its first ptrace stop */
    struct pf_answer answer;
};

/* Sets up rules and counters for run->trial. */
void pf_inject_init(struct pf_run *run);
/* How many counters every process needs. */
size_t pf_inject_counters(const struct pf_run *run);

/*
 * Counts the occurrence against every rule and carries out those that it meets. Returns true when the caller
 * may go on now with *answer; false when it is held (it will be released through the grip) or was killed.
 */
bool pf_inject_meet(struct pf_run *run, const struct pf_occurrence *occurrence, struct pf_grip *grip);

/* Time triggers and delays that are due. */
void pf_inject_tick(struct pf_run *run);
/* When pf_inject_tick has something to do next, on the trace's clock; UINT64_MAX: never. */
uint64_t pf_inject_due(const struct pf_run *run);

/* Is anybody held, except for a delay? */
bool pf_inject_holds(const struct pf_run *run);
/* Lets everybody go: nothing that they wait for can happen any more. why: "never" or "end". */
void pf_inject_release_all(struct pf_run *run, const char *why);
/* A held thread has ended. */
void pf_inject_forget(struct pf_run *run, const struct pf_task *task);

#endif
