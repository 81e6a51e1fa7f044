/* The source text of a variant, and the lines of it that its manifest points at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/path.h"

#include "plan/scenario.h"

/* A source, line by line. Everything lives in the arena. */
struct source {
    const char **lines;
    size_t count;
};

static char *read_text(const char *path, size_t most, struct pf_arena *arena, bool *ret_cut)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *text = pf_arena_alloc(arena, most + 2);
    size_t length = fread(text, 1, most + 1, file);
    *ret_cut = length > most;
    text[*ret_cut ? most : length] = '\0';
    fclose(file);
    return text;
}

static struct source split(struct pf_arena *arena, const char *text)
{
    struct source source = {0};
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char **line = pf_arena_grow(arena, &source.lines, &source.count, sizeof(*line));
        *line = pf_arena_strndup(arena, text, length);
        text += length + (text[length] == '\n');
    }
    return source;
}

static const char *trimmed(struct pf_arena *arena, const char *line)
{
    line += strspn(line, " \t");
    size_t length = strlen(line);
    while (length && strchr(" \t\r", line[length - 1]))
        length--;
    return pf_arena_strndup(arena, line, length);
}

/* Does each of these lines hold its piece? */
static bool matches(const struct source *source, size_t first, const struct source *pieces)
{
    if (first + pieces->count > source->count)
        return false;
    for (size_t i = 0; i < pieces->count; i++)
        if (!strstr(source->lines[first + i], pieces->lines[i]))
            return false;
    return true;
}

/* Where the pieces stand, from 0. Returns at how many places that is. */
static size_t find_pieces(const struct source *source, const struct source *pieces, size_t *ret_first)
{
    size_t places = 0;
    for (size_t i = 0; i < source->count; i++)
        if (matches(source, i, pieces)) {
            *ret_first = i;
            places++;
        }
    return places;
}

static int by_line(const void *a, const void *b)
{
    const struct pf_mark_line *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

struct marking {
    const struct pf_scenario_reading *reading;
    struct pf_variant *variant;
    size_t index; /* of the variant */
    struct source source;
};

static int refuse(const struct marking *marking, size_t mark, const char *reason)
{
    char where[64];
    snprintf(where, sizeof(where), "variants[%zu].marks[%zu].text", marking->index, mark);
    return pf_yaml_refuse(marking->reading->yaml, marking->reading->error, where, "%s", reason);
}

static int read_mark(const struct marking *marking, size_t index, const struct pf_manifest_mark *given)
{
    struct pf_arena *arena = marking->reading->scenario->arena;
    struct pf_variant *variant = marking->variant;
    struct source pieces = split(arena, given->text);
    for (size_t i = 0; i < pieces.count; i++)
        pieces.lines[i] = trimmed(arena, pieces.lines[i]);
    size_t first = 0, places = pieces.count ? find_pieces(&marking->source, &pieces, &first) : 0;
    const char *name = pf_path_name(variant->source);
    if (!places)
        return refuse(
            marking, index,
            pf_arena_printf(arena, "%s has no %s like this", name, pieces.count > 1 ? "lines" : "line"));
    if (places > 1)
        return refuse(marking, index,
                      pf_arena_printf(arena,
                                      "%zu places in %s are like this; expected more of the line, or a "
                                      "line before or after it",
                                      places, name));
    for (size_t i = 0; i < pieces.count; i++)
        *(struct pf_mark_line *)pf_arena_grow(arena, &variant->marks, &variant->mark_count,
                                              sizeof(*variant->marks)) = (struct pf_mark_line){
            .line = first + i + 1, .note = i + 1 < pieces.count ? NULL : pf_arena_strdup(arena, given->note)};
    return 0;
}

int pf_variant_read_marks(const struct pf_scenario_reading *reading, size_t index)
{
    const struct pf_manifest_variant *given = &reading->manifest->variants[index];
    struct pf_arena *arena = reading->scenario->arena;
    struct marking marking = {
        .reading = reading, .variant = &reading->scenario->variants[index], .index = index};
    if (!given->marks_count)
        return 0;
    bool cut = false;
    const char *text =
        marking.variant->source ? read_text(marking.variant->source, PF_LISTING_MOST, arena, &cut) : NULL;
    if (!text) /* an installed catalogue without its sources is of use all the same */
        return 0;
    marking.source = split(arena, text);
    for (unsigned i = 0; i < given->marks_count; i++) {
        int result = read_mark(&marking, i, &given->marks[i]);
        if (result < 0)
            return result;
    }
    qsort(marking.variant->marks, marking.variant->mark_count, sizeof(*marking.variant->marks), by_line);
    return 0;
}

bool pf_plan_listing(const struct pf_scenario *scenario, const struct pf_variant *variant,
                     struct pf_arena *arena, struct pf_listing *ret_listing)
{
    bool cut = false;
    const char *text = variant->source ? read_text(variant->source, PF_LISTING_MOST, arena, &cut) : NULL;
    if (!text)
        return false;
    *ret_listing = (struct pf_listing){.scenario = pf_arena_strdup(arena, scenario->id),
                                       .variant = pf_arena_strdup(arena, variant->name),
                                       .finding = pf_arena_strdup(arena, variant->expect.finding),
                                       .file = pf_arena_strdup(arena, pf_path_name(variant->source)),
                                       .text = text,
                                       .cut = cut};
    for (size_t i = 0; i < variant->mark_count; i++)
        *(struct pf_mark_line *)pf_arena_grow(arena, &ret_listing->marks, &ret_listing->mark_count,
                                              sizeof(*ret_listing->marks)) = (struct pf_mark_line){
            .line = variant->marks[i].line, .note = pf_arena_strdup(arena, variant->marks[i].note)};
    return true;
}
