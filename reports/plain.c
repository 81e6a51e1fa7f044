#include "reports/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The longest that one byte of input becomes is "\xff"; a character of two or three bytes becomes "\u202e".
 */
#define GROWTH 4

/* Length of the UTF-8 sequence at text and its code point; 0 when it is not valid. */
static size_t decode(const unsigned char *text, uint32_t *ret_code)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

    for (size_t length = 1; length <= 4; length++) {
        if ((text[0] & forms[length - 1].mask) != forms[length - 1].lead)
            continue;
        uint32_t code = text[0] & (unsigned char)~forms[length - 1].mask;
        for (size_t i = 1; i < length; i++) {
            if ((text[i] & 0xC0) != 0x80)
                return 0;
            code = code << 6 | (text[i] & 0x3F);
        }
        if (code < forms[length - 1].least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return 0;
        *ret_code = code;
        return length;
    }
    return 0;
}

/* Control characters of both sets, characters that reorder or hide what follows, and non-characters. */
static bool is_hostile(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0x200E ||
           code == 0x200F || (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xFEFF || (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
}

/* Writes one character, or what stands for it, and returns its length. There is room for GROWTH bytes for
 * each of the `length` read (one, when length is 0), and a zero byte. */
static size_t put(char *out, const unsigned char *text, size_t length, uint32_t code, bool one_line)
{
    bool layout = code == '\n' || code == '\t';
    if (length && !is_hostile(code)) {
        memcpy(out, text, length);
        return length;
    }
    if (layout && !one_line) {
        out[0] = (char)code;
        return 1;
    }
    if (layout)
        return (size_t)sprintf(out, code == '\n' ? "\\n" : "\\t");
    if (code == '\r')
        return (size_t)sprintf(out, "\\r");
    return (size_t)(length > 1 ? sprintf(out, "\\u%04x", code) : sprintf(out, "\\x%02x", text[0]));
}

static const char *plain(struct pf_arena *arena, const char *text, bool one_line)
{
    if (!text)
        return "";
    const unsigned char *in = (const unsigned char *)text;
    char *out = pf_arena_alloc(arena, GROWTH * strlen(text) + 1);
    size_t n = 0;
    while (*in) {
        uint32_t code = 0;
        size_t length = decode(in, &code);
        n += put(out + n, in, length, code, one_line);
        in += length ? length : 1;
    }
    return out;
}

const char *pf_plain_text(struct pf_arena *arena, const char *text)
{
    return plain(arena, text, false);
}

const char *pf_plain_line(struct pf_arena *arena, const char *text)
{
    return plain(arena, text, true);
}

int pf_plain_columns(const char *text, size_t length)
{
    int columns = 0;
    for (size_t i = 0; i < length; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

const char *pf_plain_words(struct pf_arena *arena, const char *const *words, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += GROWTH * strlen(words[i]) + 1;
    char *line = pf_arena_alloc(arena, size), *end = line;
    for (size_t i = 0; i < count; i++) {
        const char *word = pf_plain_line(arena, words[i]);
        if (i)
            *end++ = ' ';
        end = stpcpy(end, word);
    }
    return line;
}
