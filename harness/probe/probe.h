/*
 * probe.h - read from the kernel who waits for what, without disturbing anybody.
 *
 * Two tools: a sampler, which answers "has anything moved?" for the price of two small reads per thread, and
 * the snapshot, which reads everything there is to know about each blocked thread. Both only read: no stops,
 * no signals.
 */
#ifndef PF_PROBE_PROBE_H
#define PF_PROBE_PROBE_H

#include <sys/types.h>

#include "model/event.h"

struct pf_sampler;

/* One thread of the tree, as the supervisor knows it. Pids without a prefix are as the harness sees them. */
struct pf_probe_thread {
    const char *address; /* "0.1/t2"; "0.1" for a main thread */
    const char *process; /* "0.1" */
    pid_t tid, pid;
    pid_t tree_tid, tree_pid; /* as the tree itself sees them: what it writes into lock words */
    bool held;                /* the harness keeps it inside a system call */
    bool stopped;             /* job control stopped it */
    bool vfork_parent;        /* waits for its vfork child */
    const char *vfork_child;  /* address, when vfork_parent */
};

struct pf_probe_process {
    const char *address;
    const char *parent; /* address of the living parent in the tree, else NULL */
    pid_t pid, tree_pid;
    bool timer;  /* seen to have armed an alarm or timer that has not fired or been cleared */
    bool zombie; /* ended, not yet reaped by its parent */
    /* Kept from look to look: where it was last found to have what python_signals.h looks for. 0: nowhere
     * yet; NULL: this is the only look. */
    uint64_t *python_handlers;
};

/* A thread of the tree that has ended: so that a lock word that names it can be read. */
struct pf_probe_dead {
    const char *address;
    pid_t tree_tid;
    pid_t tid; /* where the harness is; 0: not known */
};

/* What the containment of the tree has for itself; 0: it shares it with others, or has none. */
struct pf_probe_own {
    uint64_t ipc;        /* number of its IPC namespace */
    uint64_t shm_device; /* of its /dev/shm */
};

/* Reads it, from the init of the containment and by comparison with the caller. */
void pf_probe_own(pid_t init, struct pf_probe_own *ret_own);

struct pf_probe_request {
    const struct pf_probe_process *processes;
    size_t process_count;
    const struct pf_probe_thread *threads;
    size_t thread_count;
    const struct pf_probe_dead *dead;
    size_t dead_count;
    /* Objects that the root was given at launch ("pipe:[1]", "/dev/pts/0"…): somebody outside may act on
     * them. */
    const char *const *outside;
    size_t outside_count;
    struct pf_probe_own own;
    /*
     * The tree was found, not launched: anybody on the machine may hold what it holds, and what it did before
     * is not known.
     */
    bool found;
    const struct pf_sampler *sampler; /* its open files are read instead of new ones; may be NULL */
    /* The caller has seen that nobody moves, and looks afterwards whether that is still so: nobody is looked
     * at twice. */
    bool checked;
};

/*
 * Fills the snapshot (reason and quiet_since_ns are the caller's). What cannot be read is named in `unknown`,
 * and the waits concerned are PF_WAIT_UNKNOWN: never guessed. Threads that move or vanish meanwhile become
 * PF_WAIT_NONE. Returns 0 or -errno.
 */
int pf_probe_snapshot(const struct pf_probe_request *request, struct pf_arena *arena,
                      struct pf_snapshot *ret_snapshot);

/*
 * The ids, in the form of pf_object.id and of `outside` above, of descriptors of this process, which it gives
 * to the root. Returns 0 or -errno.
 */
int pf_probe_given(const int *numbers, size_t count, struct pf_arena *arena, const char **ret_ids);

/*
 * What a process has open, counted by kind and path, read through any of its threads. Returns 0 or -errno.
 */
int pf_probe_open(pid_t tid, struct pf_arena *arena, struct pf_descriptors **ret_open, size_t *ret_count);
/* How many it has open altogether, which costs a tenth of that. Returns 0 or -errno; -EOPNOTSUPP: it is not
 * known. */
int pf_probe_open_number(pid_t tid, uint64_t *ret_number);
/*
 * The same, also telling which pipes and sockets are dangling: the other end is closed and nothing is left to
 * read; or the process has one thread, and both ends of an empty pipe for itself. The request is the tree.
 */
int pf_probe_open_closely(pid_t pid, const struct pf_probe_request *request, struct pf_arena *arena,
                          struct pf_descriptors **ret_open, size_t *ret_count);

struct pf_frame; /* model/event.h */

/* Reads the call stacks of one process's threads. */
struct pf_stacks;

/* The process goes by the number of any thread of it that has not ended: under its own number there is
 * nothing to read once its first thread has. Returns NULL when nothing can be read (it is gone, or may not be
 * read). The caller closes it. */
struct pf_stacks *pf_stacks_open(pid_t tid);
/*
 * The same without ptrace, for threads that are blocked in a system call. Of their registers only those that
 * the kernel tells are known, the stack pointer and where they are; so a stack may end early, at a function
 * that keeps its frame by another register.
 */
struct pf_stacks *pf_stacks_open_live(pid_t tid);
/* What stands at an address of the process, and where that is in its file. Strings go to the arena. */
void pf_stacks_locate(const struct pf_stacks *stacks, uint64_t address, struct pf_arena *arena,
                      struct pf_frame *ret_frame, uint64_t *ret_offset);
/*
 * The function at *address, which a thread sets as a signal handler by the call that it is in. Python sets
 * one of its own for all: the function that was given to signal.signal(), and *address becomes that of its
 * object.
 */
void pf_stacks_handler(const struct pf_stacks *stacks, pid_t tid, struct pf_arena *arena,
                       struct pf_frame *ret_function, uint64_t *address);
void pf_stacks_close(struct pf_stacks *stacks);
/*
 * The call stack of a thread, innermost first, at most 32 frames. The caller has stopped it under ptrace,
 * unless the stacks were opened live. Returns 0 or -errno (-ENODATA: no stack could be read, also for stacks
 * == NULL).
 */
int pf_stacks_read(struct pf_stacks *stacks, pid_t tid, struct pf_arena *arena, struct pf_frame **ret_frames,
                   size_t *ret_count);
/* Did the last stack that was read begin in the dynamic loader? Then the program's own code has not begun. */
bool pf_stacks_loading(const struct pf_stacks *stacks);

/* The sampler keeps two descriptors per thread (stat and schedstat). */
struct pf_sampler *pf_sampler_new(void);
void pf_sampler_free(struct pf_sampler *sampler);
/* Returns 0, or -errno when the thread's files cannot be opened (it may be gone already: -ESRCH). */
int pf_sampler_add(struct pf_sampler *sampler, pid_t pid, pid_t tid);
void pf_sampler_remove(struct pf_sampler *sampler, pid_t tid);

/* The descriptors that it keeps of a thread; false when it does not know the thread. */
bool pf_sampler_files(const struct pf_sampler *sampler, pid_t tid, int *ret_stat, int *ret_counters);

struct pf_sample {
    bool all_asleep; /* every thread is blocked or stopped (S, D, T, t, Z, X) */
    bool all_still;  /* ... and none of them has run since the previous complete scan */
    size_t scanned;  /* threads looked at; a scan ends early at the first thread that is seen to run */
    pid_t mover;     /* a thread that moved, 0: none */
};

/*
 * Looks at every thread, the last mover first, and stops at the first that runs or has run unless `complete`
 * is set. Context-switch counters and run times are compared with the previous scan, so a thread that woke
 * and slept again between two scans counts as moved.
 */
void pf_sampler_scan(struct pf_sampler *sampler, bool complete, struct pf_sample *ret_sample);
/* Has this one thread run between the two last complete scans? */
bool pf_sampler_moved(const struct pf_sampler *sampler, pid_t tid);

#endif
