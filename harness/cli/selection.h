/*
 * selection.h - the scenarios that a command line names: ids of the catalogue, or folders of one's own.
 *
 * The catalogue is in $PITFALL_SCENARIOS, or beside the executable: ../scenarios in a build tree,
 * ../lib/pitfall/scenarios where it is installed.
 */
#ifndef PF_CLI_SELECTION_H
#define PF_CLI_SELECTION_H

#include "plan/plan.h"

struct pf_selection {
    struct pf_arena *arena;
    const struct pf_scenario **scenarios;
    size_t count;
    /* What is to be freed: the catalogue, catalogues of the user's, single scenarios. */
    struct pf_catalogue *catalogues;
    size_t catalogue_count;
    struct pf_scenario **singles;
    size_t single_count;
};

/*
 * Reads the scenarios that the words name, in their order; all of the catalogue when there are none. A word
 * with a slash, or that begins with a dot, is a folder: a scenario (it has a pitfall.yaml) or a folder of
 * scenarios; so is a word that is no id but a directory. Returns 0, -EINVAL for a mistake of the user's,
 * -ENOENT when there is no catalogue.
 */
int pf_selection_open(char *const *words, size_t count, struct pf_selection *ret_selection,
                      struct pf_error *error);
void pf_selection_close(struct pf_selection *selection);

#endif
