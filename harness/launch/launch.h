/*
 * launch.h - start the root of a trial inside its containment, seized by ptrace and about to exec.
 */
#ifndef PF_LAUNCH_LAUNCH_H
#define PF_LAUNCH_LAUNCH_H

#include <sys/types.h>

#include "launch/child.h"
#include "launch/filter.h"
#include "launch/isolate.h"
#include "model/trial.h"

struct pf_launched {
    pid_t init;    /* pid 1 of the containment, a child of the caller */
    pid_t root;    /* the program's first process, ptrace-seized, stopped just before its exec */
    int notify_fd; /* where intercepted system calls arrive; CLOEXEC */
    int output[2]; /* read ends of the captured stdout and stderr; -1 when not captured */
    bool pid_namespace;
    const char *containment;        /* "namespaces", "user-namespaces", "subreaper" */
    const char *containment_note;   /* why not better; NULL when it is the best */
    struct pf_layers layers;        /* over the files of an isolated trial */
    const char *isolation_note;     /* what is not isolated, or why nothing is; NULL when all is as asked */
    struct pf_child_report *report; /* what went wrong before the exec, and what was left in the end */
};

/* Options for PTRACE_SEIZE, inherited by every process and thread of the tree; with or without a stop at each
 * exec. */
unsigned long pf_launch_ptrace_options(bool execs);

/*
 * Finds the program, builds the containment as deep as this machine allows, and starts the root up to the
 * point where its filter is in place and only the exec is left; it is then in a ptrace stop. Strings live in
 * `arena`.
 *
 * Errors: -ENOENT, -EACCES: the program cannot be found or executed; -EPERM, -ENOTSUP: no right to trace or
 * filter; others as from the kernel. The message says what to do. Nothing is left running then.
 */
int pf_launch(const struct pf_trial *trial, const struct pf_filter *filter, struct pf_arena *arena,
              struct pf_launched *ret_launched, struct pf_error *error);

/* What the report of a child that ended before its exec means, as a message and a negative errno. */
int pf_launch_explain(const struct pf_launched *launched, const struct pf_trial *trial,
                      struct pf_error *error);

/* Kills whatever is left of the containment, waits until it is gone and releases descriptors and memory. */
void pf_launch_end(struct pf_launched *launched);

#endif
