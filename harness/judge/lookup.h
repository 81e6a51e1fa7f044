/* lookup.h - find an address or an id among many in constant time. */
#ifndef PF_JUDGE_LOOKUP_H
#define PF_JUDGE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "model/arena.h"

#define PF_NOWHERE SIZE_MAX

struct pf_lookup_slot {
    const char *key;
    size_t index;
};

/* The keys are not copied: they must outlive the lookup. */
struct pf_lookup {
    struct pf_lookup_slot *slots;
    size_t mask;
};

/* Room for `capacity` keys. */
void pf_lookup_init(struct pf_lookup *lookup, struct pf_arena *arena, size_t capacity);
/* The first index given for a key stays. */
void pf_lookup_put(struct pf_lookup *lookup, const char *key, size_t index);
/* The index of a key, or PF_NOWHERE (also for NULL). */
size_t pf_lookup_find(const struct pf_lookup *lookup, const char *key);

#endif
