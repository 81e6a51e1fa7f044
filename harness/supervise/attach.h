/*
 * attach.h - look at a tree that runs already: read-only, no stop, no signal, no restart.
 *
 * What is written is a trace like any other, which the judge reads like any other. It begins without a
 * launch: its births say that somebody was found, and its verdict that he was looked at and left alone.
 */
#ifndef PF_SUPERVISE_ATTACH_H
#define PF_SUPERVISE_ATTACH_H

#include "supervise/supervise.h"

struct pf_attach {
    const pid_t *pids; /* of processes or threads; their descendants are looked at as well */
    size_t pid_count;
    bool stacks; /* read where the threads stand */
};

/*
 * May the process be looked at? *ret_pid is its number, also when pid is that of one of its threads. Errors
 * as below.
 */
int pf_attach_check(pid_t pid, pid_t *ret_pid, struct pf_error *error);

/*
 * Looks at the trees and appends events from "begin" to "end". Of the watcher only is_stuck is asked. Takes
 * some 10 ms for a tree that does not move, 100 ms for one that does.
 *
 * Returns 0, whatever was seen. Errors: -ESRCH when there is no such process; -EPERM when it may not be read,
 * -EINVAL when it is nothing that can be looked at. The message says what to do; the trace is then empty.
 */
int pf_attach_look(const struct pf_attach *attach, const struct pf_watcher *watcher, struct pf_trace *trace,
                   struct pf_error *error);

#endif
