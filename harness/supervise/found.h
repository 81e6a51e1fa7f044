/*
 * found.h - a tree that was not launched but found: its processes and threads as /proc shows them.
 *
 * Addresses are given in the order of births, as in a launched tree, and stay the same from look to look. The
 * processes that were asked for are "0", "1" ...; of one that descends from another nothing is made twice.
 */
#ifndef PF_SUPERVISE_FOUND_H
#define PF_SUPERVISE_FOUND_H

#include "probe/census.h"
#include "probe/probe.h"

struct pf_found_thread {
    pid_t tid, tree_tid;
    const char *address;
    bool news; /* not told yet */
    bool here; /* seen in the last look */
};

struct pf_found_process {
    pid_t pid, tree_pid;
    uint64_t start;
    const char *address;
    struct pf_found_process *parent; /* NULL for a root */
    size_t children, threads_made;   /* so many addresses are given */
    bool news, here;
    bool ended; /* its main thread; the others may live on */
    bool zombie;
    struct pf_found_thread **threads;
    size_t thread_count;
};

struct pf_found {
    struct pf_arena *arena;
    const pid_t *pids; /* the roots, as asked for */
    size_t pid_count;
    struct pf_found_process **processes; /* in the order of their addresses' births */
    size_t process_count;
    size_t births; /* processes and threads that were new in the last look */
    size_t deaths; /* ... and that were gone */
};

/* Looks again who is there. Returns 0, -ESRCH when none of the roots lives, or another -errno. */
int pf_found_look(struct pf_found *found);

/* What the probe has to know of those who are there. In the arena. */
void pf_found_request(const struct pf_found *found, struct pf_arena *arena,
                      struct pf_probe_request *ret_request);

#endif
