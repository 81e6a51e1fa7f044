/* pidfd.h - numbers behind descriptors and namespaces: which process is meant. */
#ifndef PF_SUPERVISE_PIDFD_H
#define PF_SUPERVISE_PIDFD_H

#include <sys/types.h>

/* The process, as the harness sees it, that descriptor fd of process pid stands for; 0: none. */
pid_t pf_pidfd_names(pid_t pid, int fd);

/* The tid of a thread as its own PID namespace numbers it. namespace_fd: that namespace; -1: it is the
 * harness's. */
pid_t pf_tree_tid(int namespace_fd, pid_t tid);

#endif
