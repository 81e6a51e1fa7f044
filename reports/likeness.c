#include "reports/likeness.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NAMES_MOST 4

static bool is_of_an_address(char byte)
{
    return isalnum((unsigned char)byte) || byte == '.' || byte == '/' || byte == '_';
}

/* 0.1 is not mentioned in 0.10, 0.1.2, 0.1/t1 and 10.1, but is at the end of a sentence. */
static bool is_mention(const char *text, const char *at, size_t length)
{
    const char *end = at + length;
    bool goes_on = is_of_an_address(*end) && !(*end == '.' && !isdigit((unsigned char)end[1]));
    return !goes_on && (at == text || !is_of_an_address(at[-1]));
}

const char *pf_likeness(struct pf_arena *arena, const char *text, const char *id)
{
    size_t length = id ? strlen(id) : 0;
    if (!text || !length)
        return text ? text : "";
    char *like = pf_arena_strdup(arena, text), *out = like;
    for (const char *at = text; *at;) {
        if (strncmp(at, id, length) == 0 && is_mention(text, at, length)) {
            *out++ = '\1';
            at += length;
        } else {
            *out++ = *at++;
        }
    }
    *out = '\0';
    return like;
}

const char *pf_likeness_names(struct pf_arena *arena, const char *const *names, size_t count)
{
    size_t shown = count > NAMES_MOST ? NAMES_MOST - 1 : count;
    const char *line = "";
    for (size_t i = 0; i < shown; i++)
        line = pf_arena_printf(arena, "%s%s%s", line,
                               i == 0           ? ""
                               : i + 1 == count ? " and "
                                                : ", ",
                               names[i]);
    return shown < count ? pf_arena_printf(arena, "%s and %zu more", line, count - shown) : line;
}
