/*
 * filter.h - the seccomp program: which system calls stop by for a decision, and which for their result.
 */
#ifndef PF_LAUNCH_FILTER_H
#define PF_LAUNCH_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/arena.h"
#include "model/error.h"
#include "model/trial.h"

enum { PF_FILTER_CALLS = 1024 }; /* above every number of a native 64-bit interface */
enum { PF_FILTER_SIGNALS = 65 }; /* above every signal */

/* Which way each call goes. */
struct pf_ways {
    bool named[PF_FILTER_CALLS];   /* by a rule or a hold */
    bool traced[PF_FILTER_CALLS];  /* ... that needs registers or the result */
    bool lasting[PF_FILTER_CALLS]; /* some uses of it outlast the tree, and cannot be seen afterwards */
    bool sent[PF_FILTER_SIGNALS];  /* by a rule, of signals */
    bool watched[PF_FILTER_CALLS]; /* its result tells that a planned limit is reached */
};

struct pf_filter {
    struct pf_arena *arena; /* holds it */
    struct sock_fprog program;
    struct pf_ways ways;
};

/*
 * Builds the filter of a trial: calls that its rules and holds name, points and ledger entries, the few calls
 * that the judge needs to know of (timers being set, SIGKILL being sent), and, when a limit is planned, the
 * calls that can fail for want of it; of a recording, the calls that it is to write down; where the trial
 * keeps its containment for the next one, the calls whose effect outlasts the tree. Everything else runs at
 * full speed.
 *
 * A call goes one way only. What can be answered is notified; what needs the caller's registers, or the
 * result of the call, stops for ptrace, which costs some ten times as much.
 *
 * *filter is that of an earlier trial, or NULL. It is kept where the calls go the same ways, because trials
 * of a sweep differ in occurrences and errors more than in calls; else it is freed and replaced. On error it
 * is NULL.
 */
int pf_filter_build(const struct pf_trial *trial, bool keeps, struct pf_filter **filter,
                    struct pf_error *error);
void pf_filter_free(struct pf_filter *filter);

/* Does the trial set this limit, at its beginning or by a rule? */
bool pf_filter_plans_limit(const struct pf_trial *trial, const char *resource);
/* Is this a call whose result has to be looked at? */
bool pf_filter_watches(const struct pf_filter *filter, int call);

/* Does a rule send this signal? Who sets a handler for it stops by. */
bool pf_filter_sends(const struct pf_filter *filter, int number);

/* Is this a use of a call that may leave something in the containment? */
bool pf_filter_lasts(const struct pf_filter *filter, int call, const uint64_t *arguments);

/* A limit and the error by which its exhaustion shows; NULL name ends a search. */
struct pf_limit_watch {
    const char *resource;
    int error;
    const char *error_name;
    const char *const *calls; /* ended by NULL */
};

/* How a failing call shows that a limit is reached: the first such limit, or the next one `after` that. NULL:
 * (call, error) means nothing of the kind. */
const struct pf_limit_watch *pf_limit_watch_find(int call, int error, const struct pf_limit_watch *after);

#endif
