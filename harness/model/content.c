#include "model/content.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static const struct pf_field content_fields[] = {
    PF_VALUE(struct pf_content, STRING, name),
    PF_VALUE(struct pf_content, UINT, size, PF_ALWAYS),
    PF_VALUE(struct pf_content, STRING, digest, PF_NEEDED),
    PF_VALUE(struct pf_content, STRING, text),
};
const struct pf_record pf_content_record = PF_RECORD(struct pf_content, content_fields);

const char *pf_content_digest(uint64_t hash, struct pf_arena *arena)
{
    return pf_arena_printf(arena, "xxh3:%016" PRIx64, hash);
}

bool pf_is_text(const char *bytes, size_t size)
{
    if (memchr(bytes, '\0', size))
        return false;
    json_t *text = json_stringn(bytes, size);
    json_decref(text);
    return text;
}

struct pf_content pf_content_new(const char *name, const char *bytes, size_t size, struct pf_arena *arena)
{
    bool kept = size <= PF_CONTENT_TEXT_MAX && pf_is_text(bytes, size);
    return (struct pf_content){.name = pf_arena_strdup(arena, name),
                               .size = size,
                               .digest = pf_content_digest(XXH3_64bits(bytes, size), arena),
                               .text = kept ? pf_arena_strndup(arena, bytes, size) : NULL,
                               .bytes = bytes,
                               .held = size};
}

struct pf_content *pf_content_outline(const struct pf_content *content, struct pf_arena *arena)
{
    if (!content)
        return NULL;
    struct pf_content *outline = pf_arena_alloc(arena, sizeof(*outline));
    outline->name = pf_arena_strdup(arena, content->name);
    outline->size = content->size;
    outline->digest = pf_arena_strdup(arena, content->digest);
    return outline;
}

bool pf_content_same(const struct pf_content *a, const struct pf_content *b)
{
    return a->size == b->size && strcmp(a->digest, b->digest) == 0;
}
