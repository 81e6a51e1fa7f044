/* Text of a screen: what fits into how many columns. */
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "narrate/screen_internal.h"

/* One character of valid UTF-8; returns its bytes. */
static size_t character(const char *text, wchar_t *ret_character)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    wchar_t value = bytes[0] & masks[length];
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            *ret_character = L'?';
            return 1;
        }
        value = value << 6 | (bytes[i] & 0x3F);
    }
    *ret_character = value;
    return length;
}

static int width_of(wchar_t character)
{
    int width = wcwidth(character);
    return width < 0 ? 1 : width;
}

int pf_screen_columns(const char *text)
{
    int columns = 0;
    for (wchar_t next; *text;) {
        text += character(text, &next);
        columns += width_of(next);
    }
    return columns;
}

/* Letters that an ASCII terminal does not know are shown as question marks. */
static const char *letters(const struct pf_screen_drawing *d, const char *text)
{
    if (!d->style->ascii)
        return text;
    char *ascii = pf_arena_strdup(d->arena, text), *to = ascii;
    for (wchar_t next; *text;) {
        text += character(text, &next);
        *to++ = next < 0x80 ? (char)next : '?';
    }
    *to = '\0';
    return ascii;
}

const char *pf_screen_cut(const struct pf_screen_drawing *d, const char *text, int columns)
{
    const char *plain = letters(d, text);
    if (pf_screen_columns(plain) <= columns)
        return plain;
    const char *mark = d->style->ascii ? "..." : "…";
    int room = columns - (d->style->ascii ? 3 : 1), used = 0;
    size_t length = 0;
    for (wchar_t next; room > 0 && plain[length];) {
        size_t bytes = character(plain + length, &next);
        if ((used += width_of(next)) > room)
            break;
        length += bytes;
    }
    return room < 0 ? "" : pf_arena_printf(d->arena, "%.*s%s", (int)length, plain, mark);
}

const char *pf_screen_cell(const struct pf_screen_drawing *d, const char *text, int columns)
{
    const char *cut = pf_screen_cut(d, text, columns);
    int used = pf_screen_columns(cut);
    return pf_arena_printf(d->arena, "%s%*s", cut, used < columns ? columns - used : 0, "");
}

void pf_screen_add(struct pf_screen_drawing *d, const char *ink, const char *text)
{
    const char *cut = pf_screen_cut(d, text, d->columns);
    const char **line = pf_arena_grow(d->arena, &d->screen.lines, &d->screen.count, sizeof(*d->screen.lines));
    *line = *ink ? pf_arena_printf(d->arena, "%s%s%s", ink, cut, d->style->ink.end) : cut;
}
