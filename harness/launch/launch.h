/*
 * launch.h - start the root of a trial inside its containment, seized by ptrace and about to exec.
 */
#ifndef PF_LAUNCH_LAUNCH_H
#define PF_LAUNCH_LAUNCH_H

#include <sys/types.h>

#include "launch/containment.h"
#include "launch/filter.h"
#include "model/trial.h"

struct pf_launched {
    struct pf_containment *containment; /* its init is pid 1 of the tree, and a child of the caller */
    pid_t root;        /* the program's first process, ptrace-seized, stopped on its way to its exec */
    int notify_fd;     /* where intercepted system calls arrive; CLOEXEC */
    int output[2];     /* read ends of the captured stdout and stderr; -1 when not captured */
    const char *level; /* "namespaces", "user-namespaces", "subreaper" */
    const char *note;  /* why not better; NULL when it is the best */
    const char *isolation_note; /* what is not isolated, or why nothing is; NULL when all is as asked */
    bool reused;                /* the containment is the one that was kept */
    bool keeps;                 /* the caller wants the containment for another trial, if it can be had */
    bool ended;                 /* nobody of the tree is left, and what else is stands in the report */
    bool spent;                 /* the tree has done what would outlast it, unseen by the init */
};

/* Options for PTRACE_SEIZE, inherited by every process and thread of the tree; with or without a stop at each
 * exec. */
unsigned long pf_launch_ptrace_options(bool execs);

/*
 * Finds the program, builds the containment as deep as this machine allows, and starts the root up to the
 * point where its filter is in place and only the exec is left; it is then in a ptrace stop. Strings live in
 * `arena`. *kept: a containment of an earlier trial, which is used if it fits, and gone in any case; NULL is
 * as good as an empty one.
 *
 * Errors: -ENOENT, -EACCES: the program cannot be found or executed; -EPERM, -ENOTSUP: no right to trace or
 * filter; others as from the kernel. The message says what to do. Nothing is left running then.
 */
int pf_launch(const struct pf_trial *trial, const struct pf_filter *filter, struct pf_arena *arena,
              struct pf_containment **kept, struct pf_launched *ret_launched, struct pf_error *error);

/*
 * How deep a containment for the trial would be on this machine, and why no deeper; found by building one.
 * *ret_note lives in the arena; NULL: it is the best. Errors: as of pf_containment_new().
 */
int pf_launch_level(const struct pf_trial *trial, struct pf_arena *arena, enum pf_level *ret_level,
                    const char **ret_note, struct pf_error *error);

/* What the report of a child that ended before its exec means, as a message and a negative errno. */
int pf_launch_explain(const struct pf_launched *launched, const struct pf_trial *trial,
                      struct pf_error *error);

/*
 * Releases descriptors and memory, and the containment: into *kept, when the next trial cannot tell it from a
 * new one; else it is dismantled, with whatever is left in it. kept: NULL: all of that is over when this
 * returns. Otherwise the caller reaps inits that end by themselves.
 */
void pf_launch_end(struct pf_launched *launched, struct pf_containment **kept);

#endif
