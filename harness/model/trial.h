/*
 * trial.h - one planned run of one program: what to start, under which limits and faults, what to expect.
 *
 * A trial is made by plan/ from a command line or a scenario's manifest and carried out by supervise/. It is
 * plain data: nothing in it refers to a process that runs.
 */
#ifndef PF_MODEL_TRIAL_H
#define PF_MODEL_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

/* What the harness must see before a rule acts, or before a held thread goes on. */
enum pf_trigger_kind {
    PF_TRIGGER_SYSCALL, /* one of a set of system calls is about to run */
    PF_TRIGGER_POINT,   /* PITFALL_POINT(name) */
    PF_TRIGGER_START, /* the process has just started: for the root before its first instruction, for a child
                         at fork */
    PF_TRIGGER_EXIT,  /* a process has ended */
    PF_TRIGGER_AFTER, /* time since the start of the root */
    PF_TRIGGER__COUNT,
};

struct pf_trigger {
    enum pf_trigger_kind kind;
    const char *text;  /* as written: "write", "point=lock-held", "after=100ms" */
    const char *point; /* PF_TRIGGER_POINT */
    uint64_t after_ns; /* PF_TRIGGER_AFTER */
    int *calls;        /* PF_TRIGGER_SYSCALL: numbers, ascending */
    size_t call_count;
    const char *proc; /* glob on the process address; NULL: any */
    uint64_t first, last,
        step; /* when=first..last+step, occurrences counted per process address from 1; last 0: no end */
};

enum pf_action_kind {
    PF_ACTION_ERROR,  /* the call fails with errno `value` and is not made */
    PF_ACTION_RETVAL, /* the call returns `value` and is not made */
    PF_ACTION_SIGNAL, /* signal number `value` to `to` */
    PF_ACTION_KILL,   /* SIGKILL to `to` */
    PF_ACTION_HOLD,   /* the caller stays where it is until `until` happens elsewhere */
    PF_ACTION_LIMIT,  /* prlimit on the caller's process: resource = value */
    PF_ACTION_DELAY,  /* the caller stays where it is for `value` ns */
    PF_ACTION__COUNT,
};

struct pf_action {
    enum pf_action_kind kind;
    const char *text; /* as written: "signal=TERM" */
    int64_t value;
    const char *resource;     /* PF_ACTION_LIMIT: "nofile" */
    struct pf_trigger *until; /* PF_ACTION_HOLD */
};

/* Whom signal= and kill strike. */
enum pf_to_kind {
    PF_TO_CALLER, /* the process that met the trigger; for time triggers the root */
    PF_TO_GROUP,  /* the caller's process group, as Ctrl-C in a terminal would */
    PF_TO_TREE,   /* every process of the tree */
    PF_TO_GLOB,   /* every living process whose address matches */
};

struct pf_fault {
    const char *spec; /* as written */
    struct pf_trigger trigger;
    struct pf_action *actions;
    size_t action_count;
    enum pf_to_kind to;
    const char *to_glob;
};

/* What the program shares with the world outside its containment. */
enum pf_share {
    PF_SHARE_PID = 1 << 0, /* no PID namespace: contained by a subreaper only */
    PF_SHARE_IPC = 1 << 1, /* SysV IPC and POSIX queues */
    PF_SHARE_SHM = 1 << 2, /* /dev/shm */
};

struct pf_trial {
    struct pf_arena *arena; /* owns everything below */
    const char *scenario;   /* NULL outside the catalogue */
    const char *variant;
    const char **command;
    size_t command_count;
    const char *directory; /* working directory; NULL: the caller's */
    struct pf_fault *faults;
    size_t fault_count;
    struct pf_limit *limits;
    size_t limit_count;
    uint64_t deadline_ns; /* 0: none */
    uint64_t grace_ns;    /* how long processes may outlive the root before they count as orphans */
    unsigned share;       /* enum pf_share bits */
    bool capture; /* output goes into the trace instead of the caller's terminal; stdin is /dev/null */
    bool isolate; /* files are covered by a layer that goes with the trial */
    bool stdout_to_stderr; /* keep the harness's own standard output clean (--json) */
    struct pf_expect expect;
    const char *replay; /* a command line that does it again */
    const char *skip;   /* why it cannot be run here ("no python3"); NULL: it can */
};

#define PF_DEADLINE_DEFAULT_NS (60ULL * 1000000000ULL)
#define PF_GRACE_DEFAULT_NS    (1ULL * 1000000000ULL)

#endif
