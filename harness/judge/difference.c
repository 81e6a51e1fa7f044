#include "judge/difference.h"

#include <inttypes.h>

#include "judge/lines.h"
#include "judge/phrases.h"

enum { QUOTED = 3, LETTERS = 60 };

static const char *quote(struct pf_arena *arena, const struct pf_line *line)
{
    size_t length = line->length;
    if (length && line->text[length - 1] == '\n')
        length--;
    size_t shown = length;
    if (shown > LETTERS)
        for (shown = LETTERS; shown && ((unsigned char)line->text[shown] & 0xC0) == 0x80;)
            shown--;
    return pf_arena_printf(arena, "\"%.*s%s\"", (int)shown, line->text, shown < length ? "…" : "");
}

/* "3 lines are missing: "a", "b" and 1 more"; the verbs agree with the number. */
static const char *tell(struct pf_arena *arena, const struct pf_lines *lines, const char *one,
                        const char *many)
{
    const char *text = pf_arena_printf(arena, "%s %s", pf_phrase_count(arena, lines->count, "line"),
                                       lines->count == 1 ? one : many);
    for (size_t i = 0; i < lines->count && i < QUOTED; i++)
        text = pf_arena_printf(arena, "%s%s%s", text, i ? ", " : ": ", quote(arena, &lines->lines[i]));
    return lines->count > QUOTED ? pf_arena_printf(arena, "%s and %zu more", text, lines->count - QUOTED)
                                 : text;
}

static const char *tell_other(struct pf_arena *arena, const struct pf_lines_difference *difference)
{
    if (!difference->extra.count)
        return "the lines are the same, in another order";
    const char *extra = tell(arena, &difference->extra, "is not expected", "are not expected");
    if (!difference->missing.count)
        return extra;
    return pf_arena_printf(arena, "%s; %s", extra,
                           tell(arena, &difference->missing, "is missing", "are missing"));
}

static size_t compare_lines(const char *expected, const char *found, struct pf_arena *arena,
                            struct pf_difference *differences)
{
    struct pf_lines_difference lines = pf_lines_compare(expected, found, arena);
    bool only_copies = lines.copies.count == lines.extra.count;
    size_t count = 0;
    if (pf_lines_torn(&lines)) {
        const char *words =
            pf_arena_printf(arena, "lines are cut and run into each other, as %s instead of %s",
                            quote(arena, &lines.extra.lines[0]), quote(arena, &lines.missing.lines[0]));
        differences[count++] = (struct pf_difference){.kind = PF_FINDING_TORN, .words = words};
        return count;
    }
    if (!only_copies || (!lines.missing.count && !lines.extra.count)) {
        differences[count++] = (struct pf_difference){.kind = PF_FINDING_WRONG_OUTPUT,
                                                      .words = tell_other(arena, &lines),
                                                      .order = !lines.missing.count && !lines.extra.count};
        return count;
    }
    if (lines.missing.count)
        differences[count++] = (struct pf_difference){
            .kind = PF_FINDING_LOST, .words = tell(arena, &lines.missing, "is missing", "are missing")};
    if (lines.copies.count) {
        static const char often[] = "came more often than expected";
        differences[count++] = (struct pf_difference){.kind = PF_FINDING_DUPLICATE,
                                                      .words = tell(arena, &lines.copies, often, often)};
    }
    return count;
}

static const char *tell_sizes(const struct pf_content *expected, const struct pf_content *found,
                              uint64_t same, struct pf_arena *arena)
{
    const char *size = pf_phrase_count(arena, found->size, "byte");
    const char *words = found->size == expected->size
                            ? pf_arena_printf(arena, "%s as expected, but others", size)
                            : pf_arena_printf(arena, "%s instead of %" PRIu64, size, expected->size);
    return same ? pf_arena_printf(arena, "%s; the first %" PRIu64 " are right", words, same) : words;
}

size_t pf_difference_find(const struct pf_content *expected, const struct pf_content *found, uint64_t same,
                          struct pf_arena *arena, struct pf_difference *ret_differences)
{
    if (pf_content_same(expected, found))
        return 0;
    bool ends_early = found->size < expected->size && same == found->size;
    if (!ends_early && expected->text && found->text)
        return compare_lines(expected->text, found->text, arena, ret_differences);
    *ret_differences =
        ends_early
            ? (struct pf_difference){.kind = PF_FINDING_LOST,
                                     .words = pf_arena_printf(arena, "it ends after %s of %" PRIu64,
                                                              pf_phrase_count(arena, found->size, "byte"),
                                                              expected->size)}
            : (struct pf_difference){.kind = PF_FINDING_WRONG_OUTPUT,
                                     .words = tell_sizes(expected, found, same, arena)};
    return 1;
}
