/*
 * strike.h - what a fault does to processes. One file per kind; none of them decides when.
 */
#ifndef PF_FAULTS_STRIKE_H
#define PF_FAULTS_STRIKE_H

#include <stdint.h>
#include <sys/types.h>

/* Sends a signal to a process. Returns 0, or -ESRCH when it is gone. */
int pf_strike_signal(pid_t pid, int number);
/* Sets the soft limit of a living process, and the hard one where it must come down. Returns 0 or -errno. */
int pf_strike_limit(pid_t pid, int resource, uint64_t value);
/* Answers a notified call: skip it with value or error, or let it run. Returns 0, or -ENOENT when the caller
 * is gone. */
int pf_strike_return(int notify_fd, uint64_t id, int64_t value, int error);
int pf_strike_continue(int notify_fd, uint64_t id);

#endif
