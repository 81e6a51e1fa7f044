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
    PF_TRIGGER_STEP,  /* the n-th instruction of a call of a function */
    PF_TRIGGER__COUNT,
};

/* How an argument of a call is compared. Arguments are counted from 1, as in strace's @arg1. */
enum pf_test_kind {
    PF_TEST_EQUAL,
    PF_TEST_DIFFERENT,
    PF_TEST_BITS, /* at least one bit of value is set */
    PF_TEST_LESS,
    PF_TEST_MORE,
    PF_TEST__COUNT,
};

struct pf_test {
    unsigned argument; /* 1 to PF_CALL_ARGUMENTS */
    enum pf_test_kind kind;
    uint64_t value;
    bool negative; /* it was written with a minus: compared as a signed number, also of 32 bits */
};

enum { PF_CALL_ARGUMENTS = 6 };

/* What a descriptor that a call is given must be. */
enum pf_fd_kind {
    PF_FD_ANY, /* no matter, the call need not even have one */
    PF_FD_PIPE,
    PF_FD_SOCKET,
    PF_FD_FILE, /* a regular file */
    PF_FD_TTY,
    PF_FD_PATH, /* its path matches fd_path */
    PF_FD__COUNT,
};

struct pf_trigger {
    enum pf_trigger_kind kind;
    const char *text;     /* as written: "write", "point=lock-held", "after=100ms" */
    const char *point;    /* PF_TRIGGER_POINT */
    uint64_t after_ns;    /* PF_TRIGGER_AFTER */
    const char *function; /* PF_TRIGGER_STEP */
    const char
        *module; /* PF_TRIGGER_STEP: glob on the file name of program or library; NULL: see the manual */
    uint64_t instruction;        /* PF_TRIGGER_STEP: so many instructions of the call have been executed */
    bool asleep;                 /* PF_TRIGGER_STEP: ... and the next one, a system call, has fallen asleep */
    struct pf_waypoint waypoint; /* PF_TRIGGER_STEP: runs there first, as it did in a recording */
    int *calls;                  /* PF_TRIGGER_SYSCALL: numbers, ascending */
    size_t call_count;
    const char *proc;      /* glob on the process address, or with a "/" on the thread address; NULL: any */
    struct pf_test *tests; /* PF_TRIGGER_SYSCALL: all must hold */
    size_t test_count;
    enum pf_fd_kind fd; /* PF_TRIGGER_SYSCALL */
    const char *fd_path;
    uint64_t first, last, step; /* when=first..last+step, occurrences counted from 1 for each process address,
                                   or for each thread address where proc names threads; last 0: no end */
    double chance;              /* prob=: of those that when= picks, how many strike; 0: all */
};

enum pf_action_kind {
    PF_ACTION_ERROR,       /* the call fails with errno `value` and is not made */
    PF_ACTION_RETVAL,      /* the call returns `value` and is not made */
    PF_ACTION_SIGNAL,      /* signal number `value` to `to` */
    PF_ACTION_KILL,        /* SIGKILL to `to` */
    PF_ACTION_HOLD,        /* the caller stays where it is until `until` happens elsewhere */
    PF_ACTION_STOP,        /* SIGSTOP to `to`, and SIGCONT `value` ns later */
    PF_ACTION_LIMIT,       /* prlimit on the caller's process: resource = value */
    PF_ACTION_DELAY_ENTER, /* the caller stays where it is for `value` ns */
    PF_ACTION_DELAY_EXIT,  /* ... for `value` ns once the call is done */
    PF_ACTION_SHORT,       /* the call transfers at most `value` bytes */
    PF_ACTION_SYSCALL,     /* call number `value` is made instead */
    PF_ACTION_POKE_ENTER,  /* memory that arguments point to is overwritten before the call */
    PF_ACTION_POKE_EXIT,   /* ... after it */
    PF_ACTION__COUNT,
};

struct pf_poke {
    unsigned argument; /* 1 to PF_CALL_ARGUMENTS */
    const unsigned char *bytes;
    size_t size;
};

struct pf_action {
    enum pf_action_kind kind;
    const char *text; /* as written: "signal=TERM" */
    int64_t value;
    const char *resource;     /* PF_ACTION_LIMIT: "nofile" */
    struct pf_trigger *until; /* PF_ACTION_HOLD */
    struct pf_poke *pokes;    /* PF_ACTION_POKE_ENTER, PF_ACTION_POKE_EXIT */
    size_t poke_count;
};

/* Whom signal=, kill and stop= strike. */
enum pf_to_kind {
    PF_TO_CALLER,   /* who met the trigger (a signal goes to that thread); for time triggers the root */
    PF_TO_GROUP,    /* the caller's process group */
    PF_TO_TERMINAL, /* the process group that the root began in, as Ctrl-C in a terminal would */
    PF_TO_TREE,     /* every process of the tree */
    PF_TO_SENDER,   /* the process of the tree that last sent the caller a signal */
    PF_TO_GLOB,     /* every living process whose address matches */
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
    const int *recorded; /* system calls whose every use is to be written down: that is slow */
    size_t recorded_count;
    uint64_t deadline_ns;   /* 0: none */
    uint64_t grace_ns;      /* how long processes may outlive the root before they count as orphans */
    uint64_t seed;          /* of the rules with prob= */
    size_t attempts;        /* it is run again until it fails, so often at most; 0 and 1: once */
    bool stacks;            /* write down the call stacks of the first strikes of each rule */
    uint64_t max_processes; /* alive at once before the trial is ended for it; 0: no bound */
    unsigned share;         /* enum pf_share bits */
    bool capture;    /* output goes into the trace instead of the caller's terminal; stdin is /dev/null */
    bool isolate;    /* files are covered by a layer that goes with the trial */
    bool namespaces; /* it shows nothing, or leaves something behind, where it has none of its own */
    bool observe_descriptors; /* write down what each process has open when it ends by itself */
    bool stdout_to_stderr;    /* keep the harness's own standard output clean (--json) */
    const struct pf_trigger
        *steps; /* calls of a function to be stepped through and written down; NULL: none */
    struct pf_expect expect;
    const char *replay; /* a command line that does it again */
    const char *skip;   /* why it cannot be run here ("no python3"); NULL: it can */
};

#define PF_DEADLINE_DEFAULT_NS   (60ULL * 1000000000ULL)
#define PF_MAX_PROCESSES_DEFAULT 2000
#define PF_GRACE_DEFAULT_NS      (1ULL * 1000000000ULL)

#endif
