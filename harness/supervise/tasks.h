/*
 * tasks.h - the processes and threads of the tree: who they are, who made them, what state supervision has
 * them in.
 *
 * Addresses ("0.2", "0.2/t1") are given in creation order and never change; pids come and go.
 */
#ifndef PF_SUPERVISE_TASKS_H
#define PF_SUPERVISE_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/event.h"

struct pf_code;
struct pf_walk;

struct pf_process {
    const char *address;
    struct pf_process *maker; /* who forked it; NULL for the root */
    pid_t pid;                /* as the harness sees it */
    pid_t tree_pid;           /* as the tree sees it */
    size_t children;          /* made so far: the next one is address.(children + 1) */
    size_t threads_made;
    size_t threads; /* alive */
    size_t leaving; /* of them: in their exit stop, or past it */
    bool execed;    /* has run an exec of its own or inherited one: its calls are the program's */
    bool alive;
    uint64_t python_handlers; /* see pf_probe_process */
    int traffic_fd;           /* what it reads and writes, see usage.h; -1: not open */
    uint64_t childless_ns;    /* processor time it had used when it made its first child */
    bool nested;         /* in a PID namespace inside the tree's: what it calls a pid is another number */
    bool parts;          /* has made or entered namespaces: its children may be nested */
    bool interval_timer; /* an alarm or setitimer may fire */
    bool one_shot;       /* ... once only */
    bool posix_timer;    /* a timer_settime may fire */
    uint64_t injected; /* signals that the harness has sent and that have not been seen to arrive, as bits */
    bool exhausted;    /* it has met its limit of descriptors */
    bool paused;       /* stopped by the plan, which will let it go on */
    struct pf_process *sender; /* the process of the tree that last sent it a signal, or NULL */
    uint64_t *counts;          /* occurrences so far, one counter per trigger of the plan */
    uint64_t *recorded;        /* the same, one per call that the trial records; NULL: none yet */
    struct pf_count *points;   /* times each point was reached */
    size_t point_count;
    struct pf_code *code; /* where functions of the plan lie; NULL: not read */
};

struct pf_traced;
struct pf_wanted;

struct pf_count {
    const char *name;
    uint64_t count;
};

struct pf_task {
    pid_t tid;      /* as the harness sees it */
    pid_t tree_tid; /* as the tree sees it */
    const char *address;
    struct pf_process *process;
    bool started;                 /* has passed its first stop */
    bool stopped;                 /* job control holds it */
    bool leaving;                 /* has come to its exit stop */
    bool held;                    /* a fault plan holds it */
    bool sampled;                 /* the sampler watches it */
    bool in_call;                 /* in a call at whose exit it will stop */
    struct pf_ev_call *recording; /* that call, when it is to be written down */
    struct pf_traced *traced;     /* the last call that stopped for ptrace at its entry; NULL: none has */
    struct pf_wanted *wanted;     /* a stack that is to be read when it stops; NULL: none ever was */
    uint64_t armed;               /* version of the code that its debug registers are set for; 0: none */
    struct pf_walk *walk;         /* it is in a call that is stepped through; NULL: it is in none */
    uint64_t *calls;              /* of functions, for triggers that count threads; NULL: none has */
    uint64_t *counts;        /* as those of the process, for triggers that count threads; NULL: none has */
    const char *vfork_child; /* address of the child that this thread's vfork waits for */
    struct pf_task *next;    /* hash chain */
};

struct pf_dead_task {
    const char *address;
    pid_t tree_tid, tid;
};

struct pf_tasks {
    struct pf_arena *arena;
    struct pf_task **buckets; /* by tid */
    size_t bucket_count;
    size_t task_count;
    struct pf_process **processes; /* every process ever, in creation order */
    size_t process_count;
    size_t living; /* processes alive */
    struct pf_dead_task *dead;
    size_t dead_count;
    struct pf_task *spare; /* freed records, for reuse */
};

void pf_tasks_init(struct pf_tasks *tasks, struct pf_arena *arena);

struct pf_task *pf_tasks_find(const struct pf_tasks *tasks, pid_t tid);
/* The latest process with this pid as the tree sees it, alive or not, or NULL: who sent a signal may have
 * ended since. */
struct pf_process *pf_tasks_process_by_tree_pid(const struct pf_tasks *tasks, pid_t tree_pid);
struct pf_process *pf_tasks_process(const struct pf_tasks *tasks, const char *address);

/* Registers a new process with its main thread. maker is NULL for the root; counters: how many `counts` it
 * gets. */
struct pf_task *pf_tasks_add_process(struct pf_tasks *tasks, struct pf_process *maker, pid_t pid,
                                     pid_t tree_pid, size_t counters);
struct pf_task *pf_tasks_add_thread(struct pf_tasks *tasks, struct pf_process *process, pid_t tid,
                                    pid_t tree_tid);
/* Forgets a thread that has ended; its tree_tid stays known as dead. The process ends with its last thread.
 */
void pf_tasks_remove(struct pf_tasks *tasks, struct pf_task *task);
/* A thread that execs takes the pid of its process as its tid; the others are gone. */
void pf_tasks_rename(struct pf_tasks *tasks, struct pf_task *task, pid_t tid, pid_t tree_tid,
                     const char *address);

/* Calls visit for every task; it may remove the task it is given. */
void pf_tasks_each(struct pf_tasks *tasks, void (*visit)(void *context, struct pf_task *task), void *context);

#endif
