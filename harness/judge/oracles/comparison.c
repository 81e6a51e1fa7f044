/*
 * lost, duplicate, torn, wrong-output: the program ended as if all were well, and its standard output or a
 * file that it wrote is not what it should be, byte by byte. A program that says by its exit status that it
 * failed has lost nothing silently: what it made until then is not looked at.
 *
 * Where several processes or threads have made the lines, two runs without faults do not tell whether one of
 * them must come first: that the same lines have come in another order is a warning then.
 */
#include <string.h>

#include "judge/difference.h"
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"
#include "model/baseline.h"

static void report(struct pf_case *c, enum pf_finding_kind kind, enum pf_severity severity,
                   const struct pf_event *event, const char *words)
{
    const struct pf_life *root = pf_case_root(c);
    const char *message =
        pf_arena_printf(c->scratch, "the program %s, but %s", pf_phrase_end(c, root), words);
    struct pf_finding *finding = pf_case_find(c, kind, severity, root->process, message);
    pf_case_cite(c, finding, root->exit->seq);
    pf_case_cite(c, finding, event ? event->seq : 0);
}

/* More than one who could have come first. */
static bool is_crowd(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trace->count; i++)
        if (c->trace->events[i]->kind == PF_EVENT_THREAD)
            return true;
    return c->history->life_count > 1;
}

static void compare(struct pf_case *c, const char *what, const struct pf_content *expected,
                    const struct pf_content *found, uint64_t same, const struct pf_event *event)
{
    struct pf_difference differences[PF_DIFFERENCES_MAX];
    size_t count = pf_difference_find(expected, found, same, c->scratch, differences);
    for (size_t i = 0; i < count; i++) {
        bool by_chance = differences[i].order && !expected->name && is_crowd(c);
        report(c, differences[i].kind, by_chance ? PF_SEVERITY_WARN : PF_SEVERITY_FAIL, event,
               pf_arena_printf(c->scratch, "%s is not that of %s: %s", what,
                               expected->name ? expected->name : "the runs without faults",
                               differences[i].words));
    }
}

static void compare_output(struct pf_case *c)
{
    const struct pf_content *expected = c->begin->expect.printed;
    const struct pf_event *event = pf_printed_stream(c->trace);
    if (!expected || !event)
        return;
    uint64_t dropped;
    const struct pf_ev_stream *stream = &event->stream;
    const char *text = pf_printed_text(c->trace, c->scratch, &dropped);
    struct pf_content found = {
        .size = stream->size, .digest = stream->digest, .text = stream->binary || dropped ? NULL : text};
    compare(c, "its output", expected, &found, stream->same, event);
}

static const struct pf_event *event_of(const struct pf_case *c, const char *path)
{
    for (size_t i = c->trace->count; i-- > 0;)
        if (c->trace->events[i]->kind == PF_EVENT_FILE && strcmp(c->trace->events[i]->file.path, path) == 0)
            return c->trace->events[i];
    return NULL;
}

/* Texts are at hand only where they are short: it is the same as far as both go. */
static uint64_t common_beginning(const struct pf_content *a, const struct pf_content *b)
{
    uint64_t same = 0;
    while (a->text && b->text && a->text[same] && a->text[same] == b->text[same])
        same++;
    return same;
}

static void compare_file(struct pf_case *c, const struct pf_expect_file *expected)
{
    const struct pf_event *event = event_of(c, expected->path);
    const char *change = event ? event->file.change : NULL;
    if (strcmp(expected->change, "deleted") == 0) {
        if (!change || strcmp(change, "deleted") != 0)
            report(c, PF_FINDING_WRONG_OUTPUT, PF_SEVERITY_FAIL, event,
                   pf_arena_printf(c->scratch, "%s is still there, unlike in the runs without faults",
                                   expected->path));
    } else if (!change || strcmp(change, "deleted") == 0) {
        report(c, PF_FINDING_LOST, PF_SEVERITY_FAIL, event,
               pf_arena_printf(c->scratch, "%s was not %s, unlike in the runs without faults", expected->path,
                               change ? "kept" : expected->change));
    } else if (expected->content && event->file.content) {
        compare(c, expected->path, expected->content, event->file.content,
                common_beginning(expected->content, event->file.content), event);
    }
}

void pf_oracle_comparison(struct pf_case *c)
{
    if (!pf_case_ended_well(c))
        return;
    compare_output(c);
    for (size_t i = 0; i < c->begin->expect.file_count; i++)
        compare_file(c, &c->begin->expect.files[i]);
}
