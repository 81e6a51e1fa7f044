/* pidfd.h - numbers behind descriptors and namespaces: which process is meant. */
#ifndef PF_SUPERVISE_PIDFD_H
#define PF_SUPERVISE_PIDFD_H

#include <stdbool.h>
#include <sys/types.h>

/* The process, as the harness sees it, that descriptor fd of process pid stands for; 0: none. */
pid_t pf_pidfd_names(pid_t pid, int fd);

/* The tid of a thread as its own PID namespace numbers it. namespace_fd: that namespace; -1: it is the
 * harness's. */
pid_t pf_tree_tid(int namespace_fd, pid_t tid);

/* Whether a process lives in a PID namespace inside the tree's: tree_pid is then not the number it knows
 * itself by. */
bool pf_pidns_is_nested(pid_t pid, pid_t tree_pid);

#endif
