/*
 * lost, duplicate, torn, wrong-output: the program ended as if all were well, and its standard output is not
 * what it should be, byte by byte. A program that says by its exit status that it failed has lost nothing
 * silently: what it printed until then is not looked at.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/lines.h"
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"
#include "model/printed.h"

enum { QUOTED = 3, LETTERS = 60 };

struct comparison {
    struct pf_case *c;
    const struct pf_content *expected;
    const struct pf_event *stream;
};

static void report(const struct comparison *comparison, enum pf_finding_kind kind, const char *what)
{
    struct pf_case *c = comparison->c;
    const struct pf_life *root = pf_case_root(c);
    const char *message = pf_arena_printf(
        c->scratch, "the program %s, but its output is not that of %s: %s", pf_phrase_end(c, root),
        comparison->expected->name ? comparison->expected->name : "the runs without faults", what);
    struct pf_finding *finding = pf_case_find(c, kind, PF_SEVERITY_FAIL, root->process, message);
    pf_case_cite(c, finding, root->exit->seq);
    pf_case_cite(c, finding, comparison->stream->seq);
}

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

static void compare_lines(const struct comparison *comparison, const char *text)
{
    struct pf_arena *arena = comparison->c->scratch;
    struct pf_lines_difference difference = pf_lines_compare(comparison->expected->text, text, arena);
    bool only_copies = difference.copies.count == difference.extra.count;
    if (pf_lines_torn(&difference)) {
        report(comparison, PF_FINDING_TORN,
               pf_arena_printf(arena, "lines are cut and run into each other, as %s instead of %s",
                               quote(arena, &difference.extra.lines[0]),
                               quote(arena, &difference.missing.lines[0])));
        return;
    }
    if (!only_copies || (!difference.missing.count && !difference.extra.count)) {
        report(comparison, PF_FINDING_WRONG_OUTPUT, tell_other(arena, &difference));
        return;
    }
    if (difference.missing.count)
        report(comparison, PF_FINDING_LOST, tell(arena, &difference.missing, "is missing", "are missing"));
    if (difference.copies.count)
        report(comparison, PF_FINDING_DUPLICATE,
               tell(arena, &difference.copies, "came more often than expected",
                    "came more often than expected"));
}

static void compare_bytes(const struct comparison *comparison)
{
    struct pf_arena *arena = comparison->c->scratch;
    const struct pf_ev_stream *stream = &comparison->stream->stream;
    uint64_t size = comparison->expected->size;
    const char *lengths =
        pf_arena_printf(arena, "%s instead of %" PRIu64, pf_phrase_count(arena, stream->size, "byte"), size);
    if (stream->same || !stream->size)
        lengths = pf_arena_printf(arena, "%s, and the first %" PRIu64 " are right", lengths, stream->same);
    report(comparison, PF_FINDING_WRONG_OUTPUT, lengths);
}

void pf_oracle_comparison(struct pf_case *c)
{
    struct comparison comparison = {
        .c = c, .expected = c->begin->expect.printed, .stream = pf_printed_stream(c->trace)};
    if (!comparison.expected || !comparison.stream || !pf_case_ended_well(c))
        return;
    const struct pf_ev_stream *stream = &comparison.stream->stream;
    uint64_t size = comparison.expected->size;
    if (stream->size == size && strcmp(stream->digest, comparison.expected->digest) == 0)
        return;
    uint64_t dropped;
    const char *text = pf_printed_text(c->trace, c->scratch, &dropped);
    if (stream->size < size && stream->same == stream->size)
        report(&comparison, PF_FINDING_LOST,
               pf_arena_printf(c->scratch, "it ends after %s of %" PRIu64,
                               pf_phrase_count(c->scratch, stream->size, "byte"), size));
    else if (comparison.expected->text && !stream->binary && !dropped)
        compare_lines(&comparison, text);
    else
        compare_bytes(&comparison);
}
