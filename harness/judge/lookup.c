#include "judge/lookup.h"

#include <string.h>

/* FNV-1a: addresses and ids are short, and nobody attacks this table. */
static size_t hash(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

void pf_lookup_init(struct pf_lookup *lookup, struct pf_arena *arena, size_t capacity)
{
    size_t size = 8;
    while (size < capacity * 2)
        size *= 2;
    *lookup = (struct pf_lookup){
        .slots = pf_arena_alloc(arena, size * sizeof(*lookup->slots)),
        .mask = size - 1,
    };
}

static struct pf_lookup_slot *slot_of(const struct pf_lookup *lookup, const char *key)
{
    size_t i = hash(key) & lookup->mask;
    while (lookup->slots[i].key && strcmp(lookup->slots[i].key, key) != 0)
        i = (i + 1) & lookup->mask;
    return &lookup->slots[i];
}

void pf_lookup_put(struct pf_lookup *lookup, const char *key, size_t index)
{
    struct pf_lookup_slot *slot = slot_of(lookup, key);
    if (!slot->key)
        *slot = (struct pf_lookup_slot){.key = key, .index = index};
}

size_t pf_lookup_find(const struct pf_lookup *lookup, const char *key)
{
    if (!key)
        return PF_NOWHERE;
    const struct pf_lookup_slot *slot = slot_of(lookup, key);
    return slot->key ? slot->index : PF_NOWHERE;
}
