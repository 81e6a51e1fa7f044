/* difference.h - in which way a content differs from the one that was expected. */
#ifndef PF_JUDGE_DIFFERENCE_H
#define PF_JUDGE_DIFFERENCE_H

#include <stdbool.h>

#include "model/content.h"
#include "model/result.h"

enum { PF_DIFFERENCES_MAX = 2 };

/* Lines may be lost and others repeated at once: each is a finding. */
struct pf_difference {
    enum pf_finding_kind kind;
    const char *words; /* "1 line is missing: …" */
    bool order;        /* of the lines, and nothing else */
};

/*
 * Fills at most PF_DIFFERENCES_MAX and returns how many; none: they are the same. `same` bytes at the
 * beginning are known to be equal. Texts decide where both are at hand.
 */
size_t pf_difference_find(const struct pf_content *expected, const struct pf_content *found, uint64_t same,
                          struct pf_arena *arena, struct pf_difference *ret_differences);

#endif
