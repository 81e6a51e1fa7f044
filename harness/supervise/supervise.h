/*
 * supervise.h - carry out one trial and write down everything that happens.
 *
 * Supervision launches the program in its containment, watches its life through ptrace, answers the system
 * calls that the plan names, and appends events to a trace. It decides only one thing: when a fault strikes
 * and when the trial is over; both decisions are events themselves. What the run means is for the judge to
 * say.
 */
#ifndef PF_SUPERVISE_SUPERVISE_H
#define PF_SUPERVISE_SUPERVISE_H

#include "model/trace.h"
#include "model/trial.h"

struct pf_kept;

/* What the caller of a trial wants to be asked and told while it runs. Every member may be NULL. */
struct pf_watcher {
    void *context;
    /* Does this snapshot prove that what does not move will never move again? The judge answers. */
    bool (*is_stuck)(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot);
    /* An event was appended. */
    void (*on_event)(void *context, const struct pf_trace *trace, const struct pf_event *event);
    /* Number of interrupts the user has sent so far: 1 asks for a warm end (the tree gets SIGINT), 2 for a
     * cold one. */
    int (*interrupts)(void *context);
    /* Number of times somebody has asked so far what is going on. */
    int (*questions)(void *context);
    uint64_t silence_ns; /* after so long without a movement it counts as asked, once; 0: never */
    /*
     * Where this trial finds what the last one of this process has left for it, and leaves it for the next
     * (kept.h); at first it is {0}. The init of a containment that is given up ends by itself, and is reaped
     * by the next trial, or by the caller. NULL: each trial has its own, and it is gone when the trial is
     * over.
     */
    struct pf_kept *kept;
    /* The answer: a snapshot, which is appended. */
    void (*on_answer)(void *context, const struct pf_trace *trace, const struct pf_event *snapshot);
};

/*
 * Runs the trial and appends its events, from "begin" to "end", to the trace. When it returns, no process of
 * the tree is left. Must be called from a process with a single thread; SIGCHLD must not be ignored.
 *
 * Returns 0 when the trial was carried out, whatever became of the program. Errors: -ENOENT, -EACCES,
 * -ENOEXEC when the program cannot be started; -ENOTSUP or -EPERM when the kernel or the caller's rights do
 * not allow supervision; other negative errno when the harness failed half-way. The message says what to do.
 * After an error the trace is still whole: it ends with an "end" event that carries the message (unless not
 * even "begin" could be written).
 */
int pf_supervise_trial(const struct pf_trial *trial, const struct pf_watcher *watcher, struct pf_trace *trace,
                       struct pf_error *error);

#endif
