/*
 * kept.h - what a trial leaves for the next one of the same process: it takes longer to make than a short
 * program to run. None of it can be told from new by the program.
 */
#ifndef PF_SUPERVISE_KEPT_H
#define PF_SUPERVISE_KEPT_H

#include <sys/stat.h>

#include "launch/launch.h"
#include "model/event.h"
#include "probe/functions.h"
#include "probe/probe.h"

/* What is known of a containment, for as long as it stands. */
struct pf_standing {
    bool known;
    struct pf_probe_own own;
    unsigned shm_mounts;    /* of the report, when `own` was read */
    uint64_t pid_namespace; /* its identity */
    int pid_namespace_fd;   /* -1: it shares the harness's */
    const char **inherited; /* ids of what the root inherits, as the containment numbers it */
};

/* What the root of a trial was seen to execute. */
struct pf_began {
    struct pf_arena *arena;
    const char **command; /* of the trial */
    size_t command_count;
    struct stat program; /* the file that it names */
    struct pf_ev_exec exec;
};

struct pf_kept {
    struct pf_containment *containment; /* NULL: there is none, or it is in use */
    struct pf_standing standing;        /* of that */
    struct pf_filter *filter;
    struct pf_functions *functions; /* NULL: nobody has asked for one */
    struct pf_began began;          /* no arena: nothing */
};

/* Reads what is not known of the containment, unless it is the one that was kept. */
void pf_kept_look(struct pf_kept *kept, const struct pf_launched *launched);

/* The ids of all that the root was given, which others outside may have, too. */
void pf_kept_given(const struct pf_kept *kept, const struct pf_trial *trial,
                   const struct pf_launched *launched, struct pf_arena *arena, const char ***ret_ids,
                   size_t *ret_count);

/*
 * What the root has executed. The next trial with the same command and the same program need not ask for it
 * again: the kernel takes as long to tell as for ten other calls. pf_kept_recall: false: it has to be asked.
 */
bool pf_kept_recall(const struct pf_kept *kept, const struct pf_trial *trial, const char *program,
                    struct pf_arena *arena, struct pf_ev_exec *ret_exec);
void pf_kept_remember(struct pf_kept *kept, const struct pf_trial *trial, const char *program,
                      const struct pf_ev_exec *exec);

/* The trial is over: forgets what is gone. */
void pf_kept_settle(struct pf_kept *kept);

/* Gives up all of it. The caller then reaps the init. */
void pf_kept_leave(struct pf_kept *kept);

#endif
