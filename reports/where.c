#include "reports/where.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/path.h"
#include "reports/plain.h"

static const char *below(const char *file, const char *directory)
{
    size_t length = directory ? strlen(directory) : 0;
    bool inside = length > 1 && strncmp(file, directory, length) == 0 && file[length] == '/';
    return inside ? file + length + 1 : file;
}

/* Where in the text the file's name is; `ret_end` is at the colon behind it. NULL: there is none. */
static const char *find_file(const char *where, const char **ret_end)
{
    const char *at = where ? strstr(where, " at ") : NULL;
    if (!at)
        return NULL;
    const char *file = at + strlen(" at "), *end = strstr(file, " (in ");
    end = end ? end : file + strlen(file);
    const char *colon = end;
    while (colon > file && isdigit((unsigned char)colon[-1]))
        colon--;
    if (colon == end || colon - 1 <= file || colon[-1] != ':' || strtoul(colon, NULL, 10) == 0)
        return NULL;
    *ret_end = colon - 1;
    return file;
}

struct pf_place pf_place_of(struct pf_arena *arena, const char *where, const char *directory)
{
    const char *end, *file = find_file(where, &end);
    if (!file)
        return (struct pf_place){0};
    const char *name = pf_arena_strndup(arena, file, (size_t)(end - file));
    return (struct pf_place){.file = pf_plain_line(arena, below(name, directory)),
                             .line = strtoul(end + 1, NULL, 10)};
}

/* Has this file been named, and no other that is called the same? */
static bool is_known(const struct pf_where_told *told, const char *file)
{
    bool known = false;
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->files[i], file) == 0)
            known = true;
        else if (strcmp(pf_path_name(told->files[i]), pf_path_name(file)) == 0)
            return false;
    }
    return known;
}

const char *pf_where_tell(struct pf_arena *arena, const char *where, const char *directory,
                          struct pf_where_told *told)
{
    const char *end, *file = find_file(where, &end);
    if (!file)
        return pf_plain_line(arena, where);
    const char *name = below(pf_arena_strndup(arena, file, (size_t)(end - file)), directory);
    bool known = is_known(told, name);
    if (!known)
        *(const char **)pf_arena_grow(arena, &told->files, &told->count, sizeof(*told->files)) = name;
    return pf_plain_line(arena, pf_arena_printf(arena, "%.*s%s%s", (int)(file - where), where,
                                                known ? pf_path_name(name) : name, end));
}
