/* variants_option.h - --variant of check: which variants of the scenarios are run. */
#ifndef PF_CLI_VARIANTS_OPTION_H
#define PF_CLI_VARIANTS_OPTION_H

#include "cli/options.h"
#include "cli/selection.h"

struct pf_variants {
    const char **names; /* none: all variants are run */
    size_t count;
};

/* For the `set` of the command's row, which may come several times. The value is not copied. */
void pf_variants_option_add(struct pf_variants *variants, struct pf_arena *arena, const char *name);

bool pf_variants_have(const struct pf_variants *variants, const char *name);

/* Complains of a name that no variant of these scenarios has. Returns PF_GO_ON, or a status after a message.
 */
int pf_variants_check(const struct pf_variants *variants, const struct pf_selection *selection,
                      const char *command);

#endif
