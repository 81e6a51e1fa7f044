/* scenario.h - the parts of reading a scenario that have a file of their own. */
#ifndef PF_PLAN_SCENARIO_H
#define PF_PLAN_SCENARIO_H

#include "plan/manifest.h"
#include "plan/plan.h"

#define PF_MANIFEST_NAME "pitfall.yaml"

/* What the manifest is read from and into. */
struct pf_scenario_reading {
    struct pf_yaml *yaml;
    const struct pf_manifest *manifest;
    struct pf_scenario *scenario;
    struct pf_error *error;
};

/* Lower-case letters, digits and "-". */
bool pf_scenario_is_id(const char *text);
/* Prose without the line ends that a YAML block leaves behind it; NULL when there is none. */
const char *pf_scenario_prose(struct pf_arena *arena, const char *text);
/* Fills scenario->lesson; the title is known. */
int pf_scenario_read_lesson(const struct pf_scenario_reading *reading);
/* Fills scenario->variants. */
int pf_scenario_read_variants(const struct pf_scenario_reading *reading);
/* Fills the program, the command, the source and the reason to skip of a variant whose name is known. */
int pf_variant_find_program(const struct pf_scenario_reading *reading, size_t index);
/* Finds the lines of the source that the manifest points at; the source must be known. */
int pf_variant_read_marks(const struct pf_scenario_reading *reading, size_t index);

#endif
