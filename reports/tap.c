#include "reports/formats.h"

#include <stdlib.h>
#include <string.h>

#include "reports/plain.h"
#include "reports/view.h"

/* Perl's reader, which prove has, takes no string of more than 32766 characters. */
enum { STRING_BYTES = 16000, OUTPUT_LINES = 200 };

/* YAML takes JSON's strings, and jansson writes these; the text must be plain before. */
static void write_string(FILE *file, struct pf_arena *arena, const char *text)
{
    const char *plain = pf_plain_text(arena, text);
    size_t size = strlen(plain), length = pf_view_fitting(plain, STRING_BYTES);
    if (length < size)
        plain = pf_arena_printf(arena, "%.*s ... (%zu bytes more)", (int)length, plain, size - length);
    json_t *json = json_string(plain);
    json_dumpf(json, file, JSON_ENCODE_ANY);
    json_decref(json);
}

static void write_entry(FILE *file, struct pf_arena *arena, int indent, const char *key, const char *value)
{
    if (!value)
        return;
    fprintf(file, "%*s%s: ", indent, "", key);
    write_string(file, arena, value);
    fputc('\n', file);
}

/* Descriptions end at a "#": it begins a directive. */
static const char *description(struct pf_arena *arena, const char *text)
{
    const char *line = pf_plain_line(arena, text);
    char *escaped = pf_arena_alloc(arena, 2 * strlen(line) + 1), *end = escaped;
    for (; *line; line++) {
        if (*line == '#' || *line == '\\')
            *end++ = '\\';
        *end++ = *line;
    }
    return escaped;
}

static void write_findings(FILE *file, struct pf_arena *arena, const struct pf_trial_result *trial)
{
    if (!trial->finding_count)
        return;
    fputs("  findings:\n", file);
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        fprintf(file, "    - kind: %s\n", pf_names_get(&pf_finding_kind_names, (int)finding->kind));
        fprintf(file, "      severity: %s\n", pf_names_get(&pf_severity_names, (int)finding->severity));
        write_entry(file, arena, 6, "process", finding->process);
        write_entry(file, arena, 6, "message", finding->message);
    }
}

static void write_diagnosis(FILE *file, struct pf_arena *arena, const struct pf_diagnosis *diagnosis)
{
    if (!diagnosis)
        return;
    fputs("  diagnosis:\n", file);
    write_entry(file, arena, 4, "pitfall", diagnosis->pitfall);
    fprintf(file, "    proven: %s\n", diagnosis->proven ? "true" : "false");
    write_entry(file, arena, 4, "summary", diagnosis->summary);
    write_entry(file, arena, 4, "fix", diagnosis->fix);
}

static void write_details(FILE *file, struct pf_arena *arena, const struct pf_trial_result *trial)
{
    fputs("  ---\n", file);
    write_entry(file, arena, 2, "message", trial->reason);
    fprintf(file, "  verdict: %s\n", pf_names_get(&pf_verdict_names, (int)trial->verdict));
    fprintf(file, "  duration_ms: %.3f\n", trial->duration_ms);
    if (trial->verdict_latency_ms > 0)
        fprintf(file, "  verdict_latency_ms: %.3f\n", trial->verdict_latency_ms);
    write_findings(file, arena, trial);
    write_diagnosis(file, arena, trial->diagnosis);
    if (trial->verdict != PF_PASS)
        write_entry(file, arena, 2, "output", pf_view_output_tail(arena, trial, OUTPUT_LINES));
    if (trial->note_count)
        fputs("  notes:\n", file);
    for (size_t i = 0; i < trial->note_count; i++) {
        fputs("    - ", file);
        write_string(file, arena, trial->notes[i]);
        fputc('\n', file);
    }
    write_entry(file, arena, 2, "replay", trial->replay);
    fputs("  ...\n", file);
}

static void write_trial(FILE *file, struct pf_arena *arena, size_t number,
                        const struct pf_trial_result *trial, bool of_sweep)
{
    const char *fault = of_sweep ? pf_view_faults(arena, trial) : NULL;
    bool ok = trial->verdict == PF_PASS || trial->verdict == PF_SKIP;
    fprintf(file, "%s %zu - %s", ok ? "ok" : "not ok", number,
            description(arena, fault ? fault : pf_view_name(arena, trial)));
    if (trial->verdict == PF_SKIP)
        fprintf(file, " # SKIP %s", description(arena, trial->reason));
    fputc('\n', file);
    if (!ok || trial->finding_count)
        write_details(file, arena, trial);
}

/* What is missing has no line of its own, but must not look like all was well. */
static void write_lack(FILE *file, struct pf_arena *arena, const struct pf_result *result)
{
    fprintf(file, "not ok %zu - all trials of the plan are there\n  ---\n", result->trial_count + 1);
    write_entry(file, arena, 2, "message", pf_view_lack(arena, result));
    fputs("  verdict: error\n  ...\n", file);
}

int pf_tap_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    bool is_short = pf_view_is_short(result);
    const char *lack = pf_view_lack(arena, result);
    /* All of it is TAP 14 too, but Perl's prove refuses a version line that it does not know. */
    fprintf(file, "TAP version 13\n1..%zu\n", result->trial_count + is_short);
    if (result->part && pf_part_name(result->part, arena))
        fprintf(file, "# %s\n", pf_view_title(arena, result, options->title));
    if (lack)
        fprintf(file, "# %s\n", lack);
    if (result->environment.pitfall || result->environment.kernel)
        fprintf(file, "# %s\n", pf_view_environment(arena, &result->environment));
    for (size_t i = 0; i < result->trial_count; i++)
        write_trial(file, arena, i + 1, &result->trials[i], result->sweep);
    if (is_short)
        write_lack(file, arena, result);
    pf_arena_free(arena);
    return pf_report_flush(file);
}
