/*
 * ipc.h - System V objects of another IPC namespace.
 *
 * The kernel has no file that tells of them from outside: somebody has to enter the namespace and ask.
 */
#ifndef PF_PROBE_IPC_H
#define PF_PROBE_IPC_H

#include <stdint.h>
#include <sys/types.h>

struct pf_ipc_semaphore {
    int value;
    pid_t last_pid; /* who changed it last, as numbered where the harness is; 0: nobody */
};

struct pf_ipc_queue {
    uint64_t messages, bytes, most_bytes;
};

/* Of the namespace that the process is in. Return 0 or -errno. Blocks for as long as a fork takes. */
int pf_ipc_read_semaphore(pid_t pid, int set, unsigned number, struct pf_ipc_semaphore *ret_semaphore);
int pf_ipc_read_queue(pid_t pid, int queue, struct pf_ipc_queue *ret_queue);

#endif
