/*
 * run.h - the state of one trial while it runs, shared by the files of this folder.
 */
#ifndef PF_SUPERVISE_RUN_H
#define PF_SUPERVISE_RUN_H

#include "launch/launch.h"
#include "probe/probe.h"
#include "supervise/kept.h"
#include "supervise/supervise.h"
#include "supervise/tasks.h"

struct pf_inject;
struct pf_keep;
struct pf_output;
struct pf_pace;
struct pf_quiet;
struct pf_recorder;
struct pf_step;

/* Somebody who has stopped for the first time; see newborn.h. */
struct pf_newborn {
    pid_t tid;
    uint64_t since_ns; /* on the trace's clock */
};

struct pf_run {
    const struct pf_trial *trial;
    const struct pf_watcher *watcher;
    struct pf_trace *trace;
    struct pf_launched launched;
    struct pf_kept *kept; /* for this trial only, if the watcher keeps nothing */
    int events_fd;        /* signalfd: SIGCHLD, that is a ptrace stop or a death, waits */
    int alarm_fd;         /* timerfd: rings when the time of something is up, or before; see sleep.c */
    uint64_t alarm_ns;    /* when it does, on the trace's clock; UINT64_MAX: it is not set */
    struct pf_tasks tasks;
    struct pf_process *root;
    struct pf_process *last_ended; /* NULL: none has ended yet */
    struct pf_inject *inject;      /* rules and counters */
    struct pf_keep *keep;          /* held callers */
    unsigned char *stacks_taken;   /* per rule; NULL: none */
    struct pf_step *step;          /* functions of interest, calls stepped through; NULL: none */
    struct pf_quiet *quiet;        /* when to look, and what was seen */
    struct pf_recorder *recorder;  /* NULL: it is no recording */
    const char **outside;          /* objects that the root was given at launch */
    size_t outside_count;
    struct pf_newborn *newborns; /* whose births have not been told yet */
    size_t newborn_count;
    uint64_t started_ns;      /* the root's first exec, on the trace's clock; 0: not yet */
    uint64_t root_ended_ns;   /* 0: it lives */
    uint64_t moved_ns;        /* the last movement that was seen */
    bool unfiltered;          /* nobody is left whose calls could come */
    bool decided;             /* the verdict event is written */
    bool follows_execs;       /* the execs of the whole tree become events, not only the root's first */
    bool killed;              /* the tree did not end by itself */
    bool failed;              /* the root never became the program: see the report of its containment */
    int interrupts;           /* handled so far */
    int questions;            /* answered so far */
    int tty_interrupts;       /* Ctrl-C that the terminal sent to the program while it owned it */
    unsigned handlers_named;  /* so far */
    int own_tty;              /* terminal that was handed to the program; -1: none */
    struct pf_pace *pace;     /* what threads had done at half time */
    struct pf_output *output; /* what is known of the captured output */
};

/* Nanoseconds since the begin event. */
uint64_t pf_run_now(const struct pf_run *run);

/* Appends an event that happens now and tells the watcher. */
const struct pf_event *pf_run_emit(struct pf_run *run, struct pf_event event);

/* Appends the verdict event, once; from then on deaths are the harness's doing. */
void pf_run_decide(struct pf_run *run, enum pf_verdict_kind kind, uint64_t snapshot);

#endif
