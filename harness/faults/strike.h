/*
 * strike.h - what a fault does to processes. One file per kind; none of them decides when.
 */
#ifndef PF_FAULTS_STRIKE_H
#define PF_FAULTS_STRIKE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sends a signal to a process, or to one of its threads. Returns 0, or -ESRCH when it is gone. */
int pf_strike_signal(pid_t pid, int number);
int pf_strike_thread(pid_t pid, pid_t tid, int number);
/* Sets the soft limit of a living process, and the hard one where it must come down. Returns 0 or -errno. */
int pf_strike_limit(pid_t pid, int resource, uint64_t value);
/* Answers a notified call: skip it with value or error, or let it run. Returns 0, or -ENOENT when the caller
 * is gone. */
int pf_strike_return(int notify_fd, uint64_t id, int64_t value, int error);
int pf_strike_continue(int notify_fd, uint64_t id);

/*
 * The following work on a thread that is stopped by ptrace at the entry or the exit of a system call. All
 * return 0 or -errno.
 */

enum { PF_STRIKE_ARGUMENTS = 6 };

/* At the entry: another call, or none at all (-1), is made. */
int pf_strike_replace(pid_t tid, int call);
/* What the call returns; at the entry only for a call that is not made. */
int pf_strike_result(pid_t tid, int64_t value);
/* Overwrites memory, also what the thread itself may only read. */
int pf_strike_poke(pid_t tid, uint64_t address, const void *bytes, size_t size);

/* Where the number of bytes that a call is to transfer is found; arguments are counted from 1, 0: not there.
 */
struct pf_request {
    unsigned bytes;   /* a number */
    unsigned vector;  /* struct iovec[], counted by the next argument */
    unsigned message; /* struct msghdr */
    uint64_t arguments[PF_STRIKE_ARGUMENTS];
};

/* What was changed to make a transfer short, so that it can be undone. */
struct pf_shortened {
    unsigned argument; /* whose register was changed; 0: none */
    uint64_t value;    /* what it was */
    struct {
        uint64_t address, value;
    } words[2]; /* memory that was changed */
    size_t word_count;
};

/* How many bytes the call is to transfer; 0 when that cannot be read. */
uint64_t pf_strike_requested(pid_t tid, const struct pf_request *request);
/* At the entry: lets the call transfer at most so many bytes, 1 or more and fewer than requested. */
int pf_strike_shorten(pid_t tid, const struct pf_request *request, uint64_t bytes,
                      struct pf_shortened *ret_shortened);
/* At the exit: the thread must find its registers and memory as they were. */
int pf_strike_restore(pid_t tid, const struct pf_shortened *shortened);

#endif
