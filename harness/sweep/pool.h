/*
 * pool.h - many trials, some at a time: carried out by processes that supervise one after the other.
 *
 * Such a worker supervises and judges a trial, and leaves the result in memory that its parent reads. It dies
 * with its parent, and takes its tree with it; if it dies by itself, that trial alone is untested. Where the
 * trials come from and what becomes of their results is the client's business; so trials can be made as they
 * are needed, and depend on what others have shown.
 */
#ifndef PF_SWEEP_POOL_H
#define PF_SWEEP_POOL_H

#include "model/result.h"
#include "model/trace.h"
#include "model/trial.h"

struct pf_pool_job {
    const struct pf_trial *trial; /* must live until it is done */
    uint64_t id;                  /* the client's */
};

/* What the client of a pool gives and is given. */
struct pf_pool_client {
    void *context;
    /* The next trial to be run; false: there is none now. It is asked again whenever one has ended. */
    bool (*next)(void *context, struct pf_pool_job *ret_job);
    /*
     * The trial of a job once more, for a worker that was forked before there was that job: it knows what the
     * client knew when the pool was started. The worker frees it. NULL: each trial gets a worker of its own.
     */
    struct pf_trial *(*make)(void *context, uint64_t id);
    bool brief;        /* trials that passed need no timeline */
    bool takes_traces; /* `done` is given traces, not only results */
    /*
     * A trial has ended, in whatever order. The result is as the judge made it, or an error when
     * nothing is known of it. *trace is NULL unless the client takes traces and there is a whole one. Both
     * are gone when this returns, unless it takes the trace by setting *trace to NULL.
     */
    void (*done)(void *context, const struct pf_pool_job *job, const struct pf_trial_result *result,
                 struct pf_trace **trace);
    /* Called now and then: twice a second when nothing happens. NULL: not at all. */
    void (*tick)(void *context);
};

/*
 * Runs trials, at most `jobs` at once, until none is running and `next` has no more. Interrupts must have
 * been installed: the second one ends the trials under way. Returns 0, or -errno when not a single trial can
 * be started.
 */
int pf_pool_run(const struct pf_pool_client *client, size_t jobs, struct pf_error *error);

#endif
