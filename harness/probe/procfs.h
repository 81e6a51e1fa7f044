/*
 * procfs.h - the small files of /proc about one thread or process, parsed.
 *
 * Nothing here keeps state. Every function returns 0 or -errno; -ESRCH when the thread is gone.
 */
#ifndef PF_PROBE_PROCFS_H
#define PF_PROBE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/arena.h"

/* Reads at most size - 1 bytes of a file that the kernel writes in one go, and ends them with a zero. Returns
 * the length or -errno. */
ssize_t pf_proc_read(const char *path, char *buffer, size_t size);

/* The whole of a file of unknown length, in the arena. */
int pf_proc_read_all(const char *path, struct pf_arena *arena, char **ret_text);

/* Opens /proc/PID/task/TID/name, to be read again and again. Returns the descriptor or -errno. */
int pf_proc_open(pid_t pid, pid_t tid, const char *name);
/* Reads it from its beginning, as pf_proc_read does. */
ssize_t pf_proc_reread(int fd, char *buffer, size_t size);

struct pf_task_stat {
    char name[64];
    char state; /* R S D T t Z X I */
    pid_t parent;
    pid_t group;
    pid_t session;
    bool kernel;    /* a thread of the kernel's own */
    uint64_t start; /* when it was born, in ticks since boot */
    uint64_t virtual_size;
};

int pf_proc_stat(int stat_fd, struct pf_task_stat *ret_stat);
/* The same, once, for a thread; of a process, its main thread's. */
int pf_proc_stat_of(pid_t pid, pid_t tid, struct pf_task_stat *ret_stat);
/* The state letter of a line of /proc/PID/stat; 0 when it is none. */
char pf_proc_stat_state(const char *line);

/* Two numbers that cannot stay the same when the thread has run and slept again. */
struct pf_counters {
    uint64_t run_ns;
    uint64_t slices;
};

int pf_proc_counters(int schedstat_fd, struct pf_counters *ret_counters);
bool pf_counters_equal(const struct pf_counters *a, const struct pf_counters *b);

enum pf_call_state {
    PF_CALL_RUNNING, /* not blocked at all */
    PF_CALL_OUTSIDE, /* blocked, but in no system call (a page fault, a stop) */
    PF_CALL_INSIDE,
};

struct pf_task_call {
    enum pf_call_state state;
    long number;
    uint64_t args[6];
    uint64_t stack, instruction;
};

/* The call that a thread is blocked in. The kernel answers only once the thread is off its processor. */
int pf_proc_call(pid_t pid, pid_t tid, struct pf_task_call *ret_call);

/* The kernel function that a thread sleeps in; empty when the kernel does not tell. */
void pf_proc_wchan(pid_t pid, pid_t tid, char *buffer, size_t size);

struct pf_task_status {
    uint64_t handlers; /* signals 1 to 64 for which there is one; bit 0 is signal 1 */
    uint64_t ignored;
    uint64_t blocked; /* signals that this thread does not let through now */
    uint64_t pending; /* signals that have come, for it or for its process, and wait to be let through */
    uint64_t threads; /* of its process, ended ones included until they are reaped */
    bool filtered;    /* its system calls go through a seccomp filter */
    pid_t own_pid;    /* the number of its process in its own PID namespace; 0: not told */
    pid_t tracer;     /* the process that has attached to it with ptrace; 0: none */
};

int pf_proc_status(pid_t tid, struct pf_task_status *ret_status);

/* How many bytes a process has read and written since it was born, and in how many calls; its children count
 * for themselves until they are reaped. */
struct pf_traffic {
    uint64_t read, written;
    uint64_t reads, writes;
};

int pf_proc_traffic(pid_t pid, struct pf_traffic *ret_traffic);
/* Opens what tells of it: of a process that has ended, an ordinary user may still read it, but not open it.
 * Returns the descriptor or -errno. */
int pf_proc_traffic_open(pid_t pid);
int pf_proc_traffic_read(int fd, struct pf_traffic *ret_traffic);

/* Processor time that a process has used, whether it still runs or is yet to be reaped. */
int pf_proc_run_time(pid_t pid, uint64_t *ret_ns);
/* How much of it in the kernel and how much in its own code, in ticks of the clock. */
int pf_proc_ticks(pid_t pid, uint64_t *ret_user, uint64_t *ret_system);

/* The number of a thread in its own PID namespace; 0: it cannot be read. */
pid_t pf_proc_own_tid(pid_t pid, pid_t tid);

/* Whether two processes have one address space; false when that cannot be told. */
bool pf_proc_same_memory(pid_t a, pid_t b);

/* Copies memory of another process. Returns 0, or -EFAULT and the like; all of it or nothing. */
int pf_proc_memory(pid_t pid, uint64_t address, void *buffer, size_t size);

#endif
