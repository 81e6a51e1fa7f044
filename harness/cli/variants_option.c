#include "cli/variants_option.h"

#include <string.h>

#include "model/nearest.h"

void pf_variants_option_add(struct pf_variants *variants, struct pf_arena *arena, const char *name)
{
    const char **slot = pf_arena_grow(arena, &variants->names, &variants->count, sizeof(*slot));
    *slot = name;
}

bool pf_variants_have(const struct pf_variants *variants, const char *name)
{
    for (size_t i = 0; i < variants->count; i++)
        if (strcmp(variants->names[i], name) == 0)
            return true;
    return variants->count == 0;
}

static int check_name(const char *name, const struct pf_selection *selection, const char *command)
{
    struct pf_nearest nearest = pf_nearest_new(name, strlen(name));
    for (size_t i = 0; i < selection->count; i++)
        for (size_t k = 0; k < selection->scenarios[i]->variant_count; k++) {
            if (strcmp(selection->scenarios[i]->variants[k].name, name) == 0)
                return PF_GO_ON;
            pf_nearest_offer(&nearest, selection->scenarios[i]->variants[k].name);
        }
    if (nearest.best)
        return pf_complain(command, PF_STATUS_USAGE,
                           "none of the scenarios has a variant \"%s\"; did you mean \"%s\"?", name,
                           nearest.best);
    return pf_complain(command, PF_STATUS_USAGE, "none of the scenarios has a variant \"%s\"", name);
}

int pf_variants_check(const struct pf_variants *variants, const struct pf_selection *selection,
                      const char *command)
{
    int status = PF_GO_ON;
    for (size_t i = 0; i < variants->count && status == PF_GO_ON; i++)
        status = check_name(variants->names[i], selection, command);
    return status;
}
