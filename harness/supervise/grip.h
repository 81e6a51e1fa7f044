/*
 * grip.h - a thread that waits for the harness's answer, how it is kept, and what becomes of it.
 *
 * A call that rules name comes as a seccomp notification, which can be answered with a result or let go. One
 * whose registers or result are needed comes as a ptrace stop at its entry (and stops again at its exit).
 */
#ifndef PF_SUPERVISE_GRIP_H
#define PF_SUPERVISE_GRIP_H

#include "supervise/run.h"

/* A system call that is about to be made. */
struct pf_call {
    int number;
    uint64_t arguments[PF_CALL_ARGUMENTS];
};

/* One poke_exit= that is due when the call returns, and the inject event's data. */
struct pf_exit_poke {
    size_t fault;
    const struct pf_action *action;
    const char *at;
    uint64_t occurrence;
    struct pf_exit_poke *next;
};

/* What becomes of the caller. */
struct pf_answer {
    bool skip; /* the call is not made: it returns `value`, or fails with errno `error` */
    int64_t value;
    int error;
    /* For calls that are stopped at their entry only: */
    bool replaced; /* call number `instead` is made */
    int instead;
    uint64_t at_most; /* it transfers at most so many bytes; 0: as many as it wants */
    struct pf_exit_poke *pokes;
    uint64_t delay_exit_ns; /* it stays at its exit for so long */
    size_t delay_exit_fault;
};

enum pf_grip_kind {
    PF_GRIP_NONE,         /* nobody waits */
    PF_GRIP_FIRST_STOP,   /* a newborn, before its first instruction */
    PF_GRIP_NOTIFICATION, /* in a notified call */
    PF_GRIP_CALL_STOP,    /* at the entry of a call, in a ptrace stop */
    PF_GRIP_RETURN_STOP,  /* at the exit of a call, in a ptrace stop */
    PF_GRIP_STEP_STOP,    /* between two instructions, in a ptrace stop */
};

struct pf_grip {
    enum pf_grip_kind kind;
    uint64_t notification;
    struct pf_answer answer;
};

/* Lets the thread go on as the answer says. */
void pf_grip_release(struct pf_run *run, struct pf_task *task, const struct pf_grip *grip);

#endif
