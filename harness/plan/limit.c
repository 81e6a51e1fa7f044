#include <sys/resource.h>

#include "model/nearest.h"
#include "model/resource.h"
#include "plan/cursor.h"

/* The name as model/ keeps it; or NULL, and the nearest one, if any. */
static const char *find_resource(struct pf_word word, const char **ret_nearest)
{
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    const char *name;
    for (size_t i = 0; (name = pf_resource_name(i)); i++) {
        if (pf_word_is(word, name))
            return name;
        pf_nearest_offer(&nearest, name);
    }
    *ret_nearest = nearest.best;
    return NULL;
}

int pf_cursor_limit(struct pf_cursor *cursor, char separator, const char *stops, struct pf_limit *ret_limit)
{
    const char separators[] = {separator, ':', '=', '\0'};
    struct pf_word name = pf_cursor_word(cursor, separators);
    const char *nearest, *resource = find_resource(name, &nearest);
    if (!resource)
        return pf_cursor_expected(cursor, name, nearest,
                                  "a resource as prlimit(1) names it (nofile, nproc, …)");
    if (!pf_cursor_take(cursor, separator))
        return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                  separator == ':' ? "\":\" and the limit (nofile:32)"
                                                   : "\"=\" and the limit (nofile=32)");
    struct pf_word number = pf_cursor_word(cursor, stops);
    uint64_t value = RLIM_INFINITY;
    if (!pf_word_is(number, "unlimited") && !pf_word_number(number, &value))
        return pf_cursor_expected(cursor, number, NULL, "a number, or unlimited,");
    *ret_limit = (struct pf_limit){.resource = resource, .value = value};
    return 0;
}

int pf_limit_parse(const char *text, struct pf_arena *arena, struct pf_limit *ret_limit,
                   struct pf_error *error)
{
    struct pf_cursor cursor = pf_cursor_new("limit", text, arena, error);
    return pf_cursor_limit(&cursor, '=', "", ret_limit);
}
