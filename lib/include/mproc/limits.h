/*
 * Limits: read, raise and lower them, also of another process, and know before any work starts whether they
 * suffice.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: prlimit(2), getrlimit(2); pids.max of cgroups(7).
 */
#ifndef MPROC_LIMITS_H
#define MPROC_LIMITS_H

#include <stdint.h>
#include <sys/types.h>

#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MPROC_UNLIMITED UINT64_MAX

struct mproc_limit {
    uint64_t soft; /* MPROC_UNLIMITED where there is none */
    uint64_t hard;
};

/* What is about to be started. */
struct mproc_need {
    uint32_t workers;
    uint64_t fds; /* further descriptors in this process, beside those open now and one for each worker */
    uint64_t worker_fds; /* descriptors in each worker, beside its three standard ones */
    uint64_t processes;  /* further processes and threads, beside the workers, the guard and its keeper */
};

/**
 * Reads a limit.
 *
 * @param pid       whose; 0 for the caller
 * @param resource  RLIMIT_…
 *
 * Returns: 0.
 * Errors: -EINVAL: no such resource; -ESRCH; -EPERM.
 * Threads: any.
 */
MPROC_EXPORT int mproc_limits_get(pid_t pid, int resource, struct mproc_limit *ret_limit);

/**
 * Sees to it that a soft limit is at least `need`; it is never lowered. The hard limit is raised too where
 * that is needed and the caller may.
 *
 * @param pid       whose; 0 for the caller
 * @param resource  RLIMIT_…
 * @param need      in the unit of the limit; MPROC_UNLIMITED
 *
 * Returns: 0.
 * Errors: -EPERM: the hard limit is below and may not be raised (the detail names limit, value and need); as
 * get.
 * Threads: any.
 */
MPROC_EXPORT int mproc_limits_raise(pid_t pid, int resource, uint64_t need);

/**
 * Sees to it that a soft limit is at most `most`. The hard limit stays, so that it can be raised again.
 *
 * @param pid       whose; 0 for the caller
 * @param resource  RLIMIT_…
 * @param most      in the unit of the limit
 *
 * Returns: 0.
 * Errors: as get.
 * Threads: any.
 */
MPROC_EXPORT int mproc_limits_lower(pid_t pid, int resource, uint64_t most);

/**
 * What really bounds the caller: the soft limit, or what the system puts below it (fs.nr_open; for processes
 * the threads and pids of the kernel and the pids.max of its cgroups), and whether RLIMIT_NPROC counts at
 * all: it does not bind root.
 *
 * @param resource       RLIMIT_…
 * @param ret_effective  in the unit of the limit; MPROC_UNLIMITED where nothing bounds it
 *
 * Returns: 0.
 * Errors: -EINVAL: no such resource.
 * Threads: any.
 */
MPROC_EXPORT int mproc_limits_effective(int resource, uint64_t *ret_effective);

/**
 * Makes room for what is about to be started, or says what is missing, before any of it starts.
 *
 * Raises soft limits where needed, as mproc_limits_raise() does, and leaves them so: of descriptors
 * (RLIMIT_NOFILE) in the caller, of processes (RLIMIT_NPROC) in the caller and, where its context is open, in
 * guard and keeper, who start the workers. Otherwise workers keep the limits that the caller had when it
 * opened its context. What others take meanwhile cannot be foreseen.
 *
 * Returns: 0.
 * Errors: -EMFILE: descriptors, -EAGAIN: processes. The detail names the limit, its value, and the need.
 * Threads: any.
 */
MPROC_EXPORT int mproc_limits_preflight(const struct mproc_need *need);

#ifdef __cplusplus
}
#endif

#endif
