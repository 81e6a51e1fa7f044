/* What the kernel offers and libc does not wrap the way it is needed here. All async-signal safe unless said
 * otherwise. */
#ifndef MPROC_SYSTEM_H
#define MPROC_SYSTEM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>

/* Closes every descriptor above standard error that is not in `keep`, which is sorted on return. */
void mproc_close_all_but(int *keep, size_t nkeep);

/* Opens /dev/null at the descriptor. Returns 0 or a negative errno. */
int mproc_open_null(int fd);

/* Whether the process has more than one thread. */
bool mproc_has_threads(void);

/* Signal handlers go back to the default; what is ignored stays ignored, as over exec. SIGCHLD is never left
 * ignored: children would vanish unseen. */
void mproc_reset_signals(void);

/* Blocks every signal but those that report a fault of the running code. */
void mproc_hold_signals(sigset_t *ret_before);
void mproc_release_signals(const sigset_t *before);

/* Whether this process, of which `fd` is a descriptor, can have one more. */
bool mproc_has_room(int fd);

/* Waits until a descriptor is ready, for POLLIN or POLLOUT. Returns 1, or 0 at the deadline. Goes on after a
 * signal. */
int mproc_poll_one(int fd, short events, uint64_t deadline_ns);

/* A child without waiting for it, or, with `wait`, until it ends. Returns 1 with `ret_info`, 0 when it runs,
 * or a negative errno. */
int mproc_reap(idtype_t type, id_t id, bool wait, siginfo_t *ret_info);

/* Looks whether a child has ended, and leaves it a zombie. Returns the same. */
int mproc_peek_end(idtype_t type, id_t id, siginfo_t *ret_info);

/* How the process of a pidfd ended, of whomever it was a child, where the kernel tells (Linux 6.15).
 * Returns 1 with `ret_info`, or 0. */
int mproc_pidfd_end(int pidfd, siginfo_t *ret_info);

/* Whether a process is stopped (SIGSTOP, a debugger), and whose child it is. For messages, and for whom there
 * is no use to wait: a pid may be another's by now. Errors: -ENOENT there is none; those of reading /proc. */
int mproc_look_at(pid_t pid, bool *ret_stopped, pid_t *ret_parent);

#endif
