#include "judge/lines.h"

#include <stdlib.h>
#include <string.h>

static struct pf_lines split(const char *text, struct pf_arena *arena)
{
    struct pf_lines lines = {0};
    while (*text) {
        const char *end = strchr(text, '\n');
        size_t length = end ? (size_t)(end + 1 - text) : strlen(text);
        struct pf_line *line = pf_arena_grow(arena, &lines.lines, &lines.count, sizeof(*line));
        *line = (struct pf_line){.text = text, .length = length, .number = lines.count};
        text += length;
    }
    return lines;
}

static int by_text(const struct pf_line *a, const struct pf_line *b)
{
    size_t common = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text, b->text, common);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* Of equal lines the first one comes first, so that it is the later one that is left over. */
static int by_text_and_number(const void *left, const void *right)
{
    const struct pf_line *a = left, *b = right;
    int order = by_text(a, b);
    return order ? order : (a->number > b->number) - (a->number < b->number);
}

static int by_number(const void *left, const void *right)
{
    const struct pf_line *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static void sort(struct pf_lines *lines, int (*order)(const void *, const void *))
{
    if (lines->count)
        qsort(lines->lines, lines->count, sizeof(*lines->lines), order);
}

static void add(struct pf_lines *lines, const struct pf_line *line, struct pf_arena *arena)
{
    *(struct pf_line *)pf_arena_grow(arena, &lines->lines, &lines->count, sizeof(*line)) = *line;
}

struct pf_lines_difference pf_lines_compare(const char *expected, const char *text, struct pf_arena *arena)
{
    struct pf_lines_difference difference = {0};
    struct pf_lines a = split(expected, arena), b = split(text, arena);
    sort(&a, by_text_and_number);
    sort(&b, by_text_and_number);
    for (size_t i = 0, k = 0; i < a.count || k < b.count;) {
        int order = i == a.count ? 1 : k == b.count ? -1 : by_text(&a.lines[i], &b.lines[k]);
        if (order == 0) {
            i++, k++;
        } else if (order < 0) {
            add(&difference.missing, &a.lines[i++], arena);
        } else {
            bool copy = i > 0 && by_text(&a.lines[i - 1], &b.lines[k]) == 0;
            add(&difference.extra, &b.lines[k], arena);
            if (copy)
                add(&difference.copies, &b.lines[k], arena);
            k++;
        }
    }
    sort(&difference.missing, by_number);
    sort(&difference.extra, by_number);
    sort(&difference.copies, by_number);
    return difference;
}

static void count_bytes(const struct pf_lines *lines, size_t counts[256])
{
    for (size_t i = 0; i < lines->count; i++)
        for (size_t k = 0; k < lines->lines[i].length; k++)
            counts[(unsigned char)lines->lines[i].text[k]]++;
}

static bool same_bytes(const struct pf_lines_difference *difference)
{
    size_t missing[256] = {0}, extra[256] = {0};
    count_bytes(&difference->missing, missing);
    count_bytes(&difference->extra, extra);
    return memcmp(missing, extra, sizeof(missing)) == 0;
}

/* Lengths tell a cut from a change: a writer that is interrupted moves its bytes into another line. */
static bool same_lengths(const struct pf_lines_difference *difference)
{
    size_t squares = 0;
    for (size_t i = 0; i < difference->missing.count; i++)
        squares += difference->missing.lines[i].length * difference->missing.lines[i].length;
    for (size_t i = 0; i < difference->extra.count; i++)
        squares -= difference->extra.lines[i].length * difference->extra.lines[i].length;
    return squares == 0 && difference->missing.count == difference->extra.count;
}

/* Is the line the beginning of one missing line, and then another one whole? */
static bool is_cut_short(const struct pf_line *line, const struct pf_lines *missing)
{
    for (size_t i = 0; i < missing->count; i++)
        for (size_t k = 0; k < missing->count; k++) {
            const struct pf_line *begun = &missing->lines[i], *whole = &missing->lines[k];
            size_t head = line->length - whole->length;
            if (i != k && line->length > whole->length && head < begun->length &&
                memcmp(line->text, begun->text, head) == 0 &&
                memcmp(line->text + head, whole->text, whole->length) == 0)
                return true;
        }
    return false;
}

bool pf_lines_torn(const struct pf_lines_difference *difference)
{
    const struct pf_lines *missing = &difference->missing, *extra = &difference->extra;
    if (!missing->count || !extra->count)
        return false;
    if (missing->count > 1 && same_bytes(difference) && !same_lengths(difference))
        return true;
    enum { TRIED = 64 }; /* the search is cubic */
    if (missing->count > TRIED || extra->count > TRIED)
        return false;
    for (size_t i = 0; i < extra->count; i++)
        if (is_cut_short(&extra->lines[i], missing))
            return true;
    return false;
}
