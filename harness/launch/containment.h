/*
 * containment.h - namespaces with an init, in which the tree of a trial lives; kept for the next trial where
 * the last one has left no trace in them.
 *
 * To make namespaces, and to let the kernel dismantle them, takes several times as long as a short program.
 */
#ifndef PF_LAUNCH_CONTAINMENT_H
#define PF_LAUNCH_CONTAINMENT_H

#include "launch/child.h"
#include "launch/isolate.h"
#include "model/error.h"
#include "model/trial.h"

enum pf_level { PF_LEVEL_NAMESPACES, PF_LEVEL_USER_NAMESPACES, PF_LEVEL_SUBREAPER, PF_LEVEL__COUNT };

struct pf_containment {
    struct pf_arena *arena; /* holds what it is made of */
    pid_t init;             /* pid 1 of it, a child of the caller; 0: it has been reaped */
    int socket;             /* to the init */
    struct pf_child_sheet *sheet;
    enum pf_level level;
    const char *note; /* why the level is no better; NULL when it is the best */
    unsigned share;   /* what it does not have for itself */
    bool isolates;    /* layers were asked for, with this working directory; NULL: the caller's */
    const char *directory;
    bool admin;                 /* the caller is root, or as good */
    struct pf_layers layers;    /* over the files of an isolated trial */
    const char *isolation_note; /* what is not isolated, or why nothing is; NULL when all is as asked */
    /* What tells of changes in it, where they are watched; -1: not known. See child_watch.c. */
    int changes, mounts;
    int children;         /* the list of the init's children in /proc */
    int null;             /* /dev/null, the input of programs whose output is captured */
    const int *inherited; /* the caller's descriptors that a program gets, ascending */
    size_t inherited_count;
};

/* Builds a containment for the trial, as deep as this machine allows. `keep`: what is to be kept for the next
 * trial is watched, which costs little, but a hundredth of a second when it ends. Errors: as from the kernel;
 * *ret_failed: the step that failed, where it was one of the init's. */
int pf_containment_new(const struct pf_trial *trial, bool keep, struct pf_containment **ret_containment,
                       enum pf_stage *ret_failed, struct pf_error *error);

/* Is it what the trial asks for? */
bool pf_containment_fits(const struct pf_containment *containment, const struct pf_trial *trial);

/* Puts bytes on the sheet, for the order, and returns where; NULL: there is no room for them. */
void *pf_containment_write(struct pf_containment *containment, const void *bytes, size_t size);

/* Says something to the init, or to the root. Returns 0 or -errno. */
int pf_containment_say(const struct pf_containment *containment, enum pf_word word);

/* Does nobody live in it, now that the root has been reaped, and is nothing known to have changed? Then the
 * init need not be asked. *ret_spent is set where something has that the init will not see. */
bool pf_containment_is_untouched(const struct pf_containment *containment, pid_t root, bool *ret_spent);

/* Waits until the init or the root says something, up to a time (-1: for ever). 0: nothing came, or nobody is
 * there to say it. *ret_pid: who has said it, as the caller numbers it; may be NULL. */
enum pf_word pf_containment_hear(const struct pf_containment *containment, int timeout_ms, pid_t *ret_pid);

/* Releases it; NULL: nothing. `leaves`: its tree has ended, and the init, which then ends by itself, is
 * reaped by the caller. Otherwise all children of the caller are killed with it and reaped. */
void pf_containment_end(struct pf_containment *containment, bool leaves);

#endif
