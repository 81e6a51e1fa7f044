/*
 * isolate.h - the files of a trial: what it may write is covered by a layer of its own.
 *
 * The working directory, the temporary directories and the home directory are covered, in the tree's mount
 * namespace, by an overlay each: reads come from the real files, writes go to a private tmpfs. Every trial so
 * starts from the same files, trials side by side do not meet, and nothing outside is changed.
 */
#ifndef PF_LAUNCH_ISOLATE_H
#define PF_LAUNCH_ISOLATE_H

#include "launch/child.h"
#include "model/error.h"
#include "model/trial.h"

/* What is covered, as the harness sees it while the trial runs. */
struct pf_layers {
    const struct pf_child_layer *layers;
    size_t count;
    const char *directory; /* where the program starts, resolved */
    int fd;                /* the tmpfs that holds what the trial wrote: "u0", "u1", …; -1: none */
};

/*
 * Fills place->layers and its kin. *ret_note is what cannot be covered, or NULL; it may be everything.
 * `mapped`: it is to be done in a user namespace, which knows the caller and its group and nobody else.
 * Errors: those of the file system.
 */
int pf_isolate_prepare(const struct pf_trial *trial, bool mapped, struct pf_arena *arena,
                       struct pf_child_place *place, const char **ret_note, struct pf_error *error);

#endif
