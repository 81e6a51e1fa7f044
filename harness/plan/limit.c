#include <string.h>
#include <sys/resource.h>

#include "plan/cursor.h"
#include "plan/nearest.h"

/* As prlimit(1) names them. */
static const struct resource {
    const char *name;
    int number;
} resources[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

enum { RESOURCE_COUNT = sizeof(resources) / sizeof(resources[0]) };

static const struct resource *find_resource(struct pf_word word)
{
    for (size_t i = 0; i < RESOURCE_COUNT; i++)
        if (pf_word_is(word, resources[i].name))
            return &resources[i];
    return NULL;
}

static const char *suggest_resource(struct pf_word word)
{
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    for (size_t i = 0; i < RESOURCE_COUNT; i++)
        pf_nearest_offer(&nearest, resources[i].name);
    return nearest.best;
}

int pf_limit_resource(const char *name)
{
    const struct resource *resource = find_resource((struct pf_word){.start = name, .length = strlen(name)});
    return resource ? resource->number : -1;
}

int pf_cursor_limit(struct pf_cursor *cursor, char separator, const char *stops, struct pf_limit *ret_limit)
{
    const char separators[] = {separator, ':', '=', '\0'};
    struct pf_word name = pf_cursor_word(cursor, separators);
    const struct resource *resource = find_resource(name);
    if (!resource)
        return pf_cursor_expected(cursor, name, suggest_resource(name),
                                  "a resource as prlimit(1) names it (nofile, nproc, …)");
    if (!pf_cursor_take(cursor, separator))
        return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                  separator == ':' ? "\":\" and the limit (nofile:32)"
                                                   : "\"=\" and the limit (nofile=32)");
    struct pf_word number = pf_cursor_word(cursor, stops);
    uint64_t value = RLIM_INFINITY;
    if (!pf_word_is(number, "unlimited") && !pf_word_number(number, &value))
        return pf_cursor_expected(cursor, number, NULL, "a number, or unlimited,");
    *ret_limit = (struct pf_limit){.resource = resource->name, .value = value};
    return 0;
}

int pf_limit_parse(const char *text, struct pf_arena *arena, struct pf_limit *ret_limit,
                   struct pf_error *error)
{
    struct pf_cursor cursor = pf_cursor_new("limit", text, arena, error);
    return pf_cursor_limit(&cursor, '=', "", ret_limit);
}
