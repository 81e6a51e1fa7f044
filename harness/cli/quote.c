#include "cli/quote.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool has_control(const char *word)
{
    for (; *word; word++)
        if ((unsigned char)*word < 0x20 || *word == 0x7F)
            return true;
    return false;
}

const char *pf_quote(struct pf_arena *arena, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./";
    if (*word && !word[strspn(word, safe)])
        return pf_arena_strdup(arena, word);
    bool control = has_control(word);
    char *quoted = pf_arena_alloc(arena, 4 * strlen(word) + 4);
    char *end = stpcpy(quoted, control ? "$'" : "'");
    for (; *word; word++) {
        unsigned char byte = (unsigned char)*word;
        if (control && (byte < 0x20 || byte == 0x7F))
            end += sprintf(end, byte == '\n' ? "\\n" : "\\x%02x", byte);
        else if (control && (byte == '\'' || byte == '\\'))
            end += sprintf(end, "\\%c", byte);
        else if (byte == '\'')
            end = stpcpy(end, "'\\''");
        else
            *end++ = (char)byte;
    }
    strcpy(end, "'");
    return quoted;
}
