/*
 * snapshot.h - who waits for what at one moment, as read from the kernel.
 *
 * A snapshot is taken when nothing moved between two samples. It is raw observation: threads with the wait
 * each is in, processes, and the kernel objects (pipes, sockets, futex words, locks) that they wait on, each
 * with everybody who holds it. Whether that is a deadlock is for the judge to say.
 *
 * Threads and processes go by their address ("0.2", "0.2/t1"), objects by an id that is unique within the
 * snapshot.
 */
#ifndef PF_MODEL_SNAPSHOT_H
#define PF_MODEL_SNAPSHOT_H

#include "model/record.h"

enum pf_object_kind {
    PF_OBJECT_OTHER,
    PF_OBJECT_PIPE,
    PF_OBJECT_FIFO,
    PF_OBJECT_SOCKET,
    PF_OBJECT_FILE,
    PF_OBJECT_TTY,
    PF_OBJECT_EVENTFD,
    PF_OBJECT_TIMERFD,
    PF_OBJECT_SIGNALFD,
    PF_OBJECT_EPOLL,
    PF_OBJECT_PIDFD,
    PF_OBJECT_INOTIFY,
    PF_OBJECT_MQUEUE,
    PF_OBJECT_FUTEX,
    PF_OBJECT_SYSV,
    PF_OBJECT__COUNT,
};

/* One descriptor of one process through which the object is held. */
struct pf_holder {
    const char *process; /* address */
    int64_t fd;
    bool reads;  /* open for reading */
    bool writes; /* open for writing */
    bool cloexec;
};

/* Who has a file lock on an object. */
struct pf_file_lock {
    const char *type; /* "flock", "posix" or "ofd" */
    bool exclusive;
    bool inherited; /* flock: another process took it, and this one shares the open file */
    const char
        *process; /* address of the owner; NULL when it is outside the tree (flock and ofd: see holders) */
};

/* What the futex word is, as far as its memory tells. */
enum pf_futex_kind {
    PF_FUTEX_PLAIN,     /* nothing known: any thread that can reach the memory may wake it */
    PF_FUTEX_MUTEX,     /* pthread mutex: the owner is written beside the word */
    PF_FUTEX_ROBUST,    /* robust pthread mutex: the owner is the word */
    PF_FUTEX_PI,        /* priority-inheriting lock: the owner is the word, kept by the kernel */
    PF_FUTEX_JOIN,      /* pthread_join: the kernel clears the word when thread `owner` ends */
    PF_FUTEX_SEMAPHORE, /* sem_t */
    PF_FUTEX_RWLOCK,    /* pthread_rwlock_t: who writes is written in it; who reads is not, only how many */
    PF_FUTEX_BARRIER,   /* pthread_barrier_t: how many have come, and how many are to come */
    PF_FUTEX_CONDITION, /* pthread_cond_t: anybody may signal it */
    PF_FUTEX__COUNT,
};

struct pf_futex {
    enum pf_futex_kind kind;
    uint64_t address; /* as the first waiter sees it */
    uint64_t word;
    bool shared;        /* reachable from more than one process */
    bool process_only;  /* in shared memory, but waited for as if it were not (no PTHREAD_PROCESS_SHARED): the
                           word may change from anywhere, and only the waiter's own process can wake it */
    uint64_t owner_tid; /* 0: none or not known */
    const char *owner;  /* address of the living thread that owns it, else NULL */
    const char
        *dead_owner;      /* address of the thread that owned it and has ended, if it was one of the tree's */
    bool owner_elsewhere; /* the owner is, or was, a thread that cannot reach this memory (a lock copied by
                             fork, or one that its owner has left behind by exec) */
    uint64_t readers;     /* rwlock: threads that have it for reading */
    uint64_t missing;     /* barrier: threads that have not come yet */
    const char *place; /* what the memory is: "anonymous shared memory", "/dev/shm/sem.x", "private memory" */
    const char **processes; /* every process that has this very word mapped */
    size_t process_count;
};

struct pf_object {
    const char *id; /* "pipe:[4711]", "futex:0/0x7f…", "file:8:1:99" */
    enum pf_object_kind kind;
    const char *path;  /* of files, FIFOs and bound sockets */
    const char *peer;  /* id of the other end of a connected socket; NULL: none in the tree */
    bool peer_outside; /* the other end is held outside the tree */
    bool external;     /* somebody outside the tree can act on it (inherited at launch, reachable by name,
                          network, tty) */
    const char *external_why;
    bool by_name; /* ... but only somebody who comes to it by its name */
    bool named;   /* whoever lives in the tree can come to it by its name, and nobody outside */
    bool listening;
    uint64_t queued;   /* bytes waiting in it, or messages of a queue, where it can be told */
    uint64_t capacity; /* likewise; 0: not known */
    struct pf_holder *holders;
    size_t holder_count;
    struct pf_file_lock *locks;
    size_t lock_count;
    const char **members; /* epoll: ids of the objects it watches */
    size_t member_count;
    const char **edges; /* those of its members whose news are told once (EPOLLET), read or not */
    size_t edge_count;
    const char **disarmed; /* objects that it tells nothing of (EPOLLONESHOT) until they are armed again */
    size_t disarmed_count;
    const char *pid_of; /* pidfd: address of the process it stands for; NULL: one outside the tree, or gone */
    bool armed;         /* timerfd: will expire; inotify: watches something */
    uint64_t signals;   /* signalfd: which ones, bit 0 is signal 1; 0: not known */
    struct pf_futex *futex; /* PF_OBJECT_FUTEX only */
};

enum pf_wait_kind {
    PF_WAIT_NONE,      /* runs, or was seen to move */
    PF_WAIT_SLEEP,     /* for a time only */
    PF_WAIT_READ,      /* until every target... (there is one) has data, or all its writers are gone */
    PF_WAIT_WRITE,     /* until there is room, or all readers are gone */
    PF_WAIT_ACCEPT,    /* for a connection */
    PF_WAIT_CONNECT,   /* for the listener to take the connection */
    PF_WAIT_POLL,      /* poll, select, epoll: until any of the targets is ready */
    PF_WAIT_CHILD,     /* wait4, waitid: until any of the target processes ends */
    PF_WAIT_FUTEX,     /* until woken at the target word */
    PF_WAIT_LOCK,      /* flock, fcntl: until the target's lock is released */
    PF_WAIT_OPEN,      /* opening a FIFO: until the other end is opened */
    PF_WAIT_SIGNAL,    /* pause, sigsuspend, sigwait */
    PF_WAIT_VFORK,     /* until the child execs or ends */
    PF_WAIT_SEMAPHORE, /* SysV semop, POSIX message queues and SysV message queues go by READ/WRITE */
    PF_WAIT_EXIT,      /* the thread has ended; it only waits for the rest of its process */
    PF_WAIT_HELD,      /* the harness holds it there for a fault plan */
    PF_WAIT_STOPPED,   /* job control: until SIGCONT */
    PF_WAIT_UNKNOWN,   /* blocked in something this version cannot read; `detail` says what */
    PF_WAIT__COUNT,
};

/* One thing that would end the wait. */
struct pf_target {
    const char *object;  /* id, or NULL */
    const char *process; /* PF_WAIT_CHILD, PF_WAIT_VFORK: address */
    int64_t fd;          /* through which the waiter sees the object; -1 none */
    bool readable;       /* waits for data or end of file */
    bool writable;       /* waits for room */
};

struct pf_wait {
    enum pf_wait_kind kind;
    const char *call;    /* system call name */
    bool timed;          /* ends by itself */
    uint64_t timeout_ns; /* what the call asked for, where it can be read; 0 otherwise */
    bool children;       /* PF_WAIT_CHILD: also children that are not born yet (wait for any) */
    uint64_t signals;    /* PF_WAIT_SIGNAL: those that end it, bit 0 is signal 1; 0: not known */
    uint64_t pending;    /* PF_WAIT_SIGNAL: those that have come and are blocked */
    const char *detail;
    struct pf_target *targets;
    size_t target_count;
};

struct pf_thread_state {
    const char *thread;  /* address */
    const char *process; /* address */
    const char *name;    /* comm */
    uint64_t tid;        /* as the tree sees it */
    const char *state;   /* the letter of /proc/PID/stat */
    struct pf_wait wait;
};

struct pf_process_state {
    const char *process; /* address */
    const char *parent;  /* address of the living parent; NULL: the init of the containment, that is nobody */
    const char *name;
    uint64_t pid;          /* as the tree sees it */
    bool zombie;           /* ended, not reaped by its parent */
    bool timer;            /* an interval timer, alarm or POSIX timer may fire */
    bool alarm_unseen;     /* whether an alarm or interval timer may end or interrupt it could not be seen */
    bool catches_sigchld;  /* a child's end would interrupt it */
    bool has_read;         /* a byte of anything, since it was born */
    bool wrote_nothing;    /* not a byte to anything, since it was born */
    bool handles_nothing;  /* has no handler for any signal: none makes its threads do anything */
    bool handles_requests; /* has a handler for a signal that somebody outside may send or bring about */
};

enum pf_snapshot_reason {
    PF_SNAPSHOT_QUIET,    /* nothing moved, anywhere in the tree */
    PF_SNAPSHOT_PARTIAL,  /* some threads have not moved for a while, others run */
    PF_SNAPSHOT_DEADLINE, /* the time is up */
    PF_SNAPSHOT_ASKED,    /* somebody wants to know; others may run */
    PF_SNAPSHOT__COUNT,
};

struct pf_snapshot {
    enum pf_snapshot_reason reason;
    uint64_t quiet_since_ns; /* the last movement before it, on the trace's clock */
    struct pf_process_state *processes;
    size_t process_count;
    struct pf_thread_state *threads;
    size_t thread_count;
    struct pf_object *objects;
    size_t object_count;
    const char **unknown; /* what could not be read, and so forbids a proof about it */
    size_t unknown_count;
    const char **strangers; /* processes outside the tree that could not be read, and may hold anything */
    size_t stranger_count;
};

extern const struct pf_names pf_object_kind_names;
extern const struct pf_names pf_wait_kind_names;
extern const struct pf_names pf_futex_kind_names;
extern const struct pf_names pf_snapshot_reason_names;
extern const struct pf_record pf_snapshot_record;

/* Whether the thread waits: it neither runs, nor has ended, nor is held by the plan. */
bool pf_wait_is_real(enum pf_wait_kind kind);
/* Whether the process has the word mapped. */
bool pf_futex_reached_by(const struct pf_futex *futex, const char *process);

const struct pf_object *pf_snapshot_object(const struct pf_snapshot *snapshot, const char *id);
const struct pf_process_state *pf_snapshot_process(const struct pf_snapshot *snapshot, const char *address);
const struct pf_thread_state *pf_snapshot_thread(const struct pf_snapshot *snapshot, const char *address);

#endif
