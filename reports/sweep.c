#include "reports/sweep.h"

#include <inttypes.h>
#include <string.h>

#include "reports/plain.h"
#include "reports/story.h"
#include "reports/view.h"

/* Frames of a call stack that are told. */
enum { FRAMES_TOLD = 8 };

static const char *const heads[PF_OUTCOME__COUNT] = {
    [PF_OUTCOME_RESIDUE] = "LEFT SOMETHING BEHIND",
    [PF_OUTCOME_ABORT] = "CRASHED",
    [PF_OUTCOME_HANG] = "HUNG",
    [PF_OUTCOME_SILENT] = "LOST DATA SILENTLY",
};

/* "61 coped, 20 failed cleanly, 3 hung". */
static const char *tell_outcomes(const struct pf_page *page, const struct pf_result *result)
{
    uint64_t counts[PF_OUTCOME__COUNT] = {0};
    for (size_t i = 0; i < result->trial_count; i++)
        counts[result->trials[i].outcome]++;
    const char *text = "";
    for (int i = 0; i < PF_OUTCOME__COUNT; i++) {
        int outcome = (i + 1) % PF_OUTCOME__COUNT; /* what was not tested comes last */
        if (counts[outcome])
            text = pf_arena_printf(page->arena, "%s%s%" PRIu64 " %s", text, *text ? ", " : "",
                                   counts[outcome], pf_view_outcome((enum pf_outcome)outcome));
    }
    return text;
}

/* Why trials were not tested, each reason once. */
static void tell_untested(const struct pf_page *page, const struct pf_result *result)
{
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *trial = &result->trials[i];
        bool told = trial->outcome != PF_OUTCOME_NONE || !trial->reason;
        for (size_t k = 0; k < i && !told; k++)
            told = result->trials[k].outcome == PF_OUTCOME_NONE && result->trials[k].reason &&
                   strcmp(result->trials[k].reason, trial->reason) == 0;
        if (told)
            continue;
        size_t count = 0;
        for (size_t k = i; k < result->trial_count; k++)
            count += result->trials[k].outcome == PF_OUTCOME_NONE && result->trials[k].reason &&
                     strcmp(result->trials[k].reason, trial->reason) == 0;
        pf_page_paragraph(page, 2, pf_arena_printf(page->arena, "%zu not tested: %s", count, trial->reason));
    }
}

/* What is no failure, and worth knowing: each kind of warning once, with the words of one of them. */
static void tell_warnings(const struct pf_page *page, const struct pf_result *result)
{
    uint64_t counts[PF_FINDING__COUNT] = {0};
    const char *samples[PF_FINDING__COUNT] = {0};
    for (size_t i = 0; i < result->trial_count; i++)
        for (size_t k = 0; result->trials[i].verdict == PF_PASS && k < result->trials[i].finding_count; k++) {
            const struct pf_finding *finding = &result->trials[i].findings[k];
            if (finding->severity != PF_SEVERITY_WARN)
                continue;
            counts[finding->kind]++;
            samples[finding->kind] = samples[finding->kind] ? samples[finding->kind] : finding->message;
        }
    for (int kind = 0; kind < PF_FINDING__COUNT; kind++)
        if (counts[kind])
            pf_page_paragraph(page, 2,
                              pf_arena_printf(page->arena, "%" PRIu64 " warning%s of %s, for instance: %s",
                                              counts[kind], counts[kind] == 1 ? "" : "s",
                                              pf_names_get(&pf_finding_kind_names, kind), samples[kind]));
}

/* Trials beyond the plan: of a fault, and another where the first one has led. */
static size_t count_sequels(const struct pf_result *result)
{
    size_t count = 0;
    for (size_t i = 0; result->part && i < result->trial_count; i++)
        count += result->trials[i].id > result->part->trials;
    return count;
}

static void tell_scope(const struct pf_page *page, const struct pf_result *result)
{
    const struct pf_sweep_result *sweep = result->sweep;
    bool steps = result->trial_count && result->trials[0].instructions;
    size_t sequels = count_sequels(result);
    const char *text =
        pf_arena_printf(page->arena, "%zu faults tried at the %" PRIu64 " %s", result->trial_count - sequels,
                        sweep->points - sweep->repetitions, steps ? "instructions of the call" : "points");
    if (sweep->repetitions)
        text = pf_arena_printf(page->arena,
                               "%s that have a call stack of their own (%" PRIu64
                               " more repeat one of them: --all tries these too)",
                               text, sweep->repetitions);
    if (sweep->startup)
        text = pf_arena_printf(page->arena, "%s; %" PRIu64 " of the dynamic loader are left out", text,
                               sweep->startup);
    pf_page_paragraph(page, 2, pf_arena_printf(page->arena, "%s.", text));
    if (sequels)
        pf_page_paragraph(
            page, 2,
            pf_arena_printf(page->arena,
                            "%zu more trials strike once more, at calls that only the first "
                            "fault has brought about (the first four, and three faults at most).",
                            sequels));
    if (result->trial_count)
        pf_page_paragraph(page, 2, tell_outcomes(page, result));
    if (sweep->cut)
        pf_page_paragraph(page, 2,
                          "A call has more instructions than these: it was followed no further, and what it "
                          "does afterwards was not tried. A function that it calls may be short enough.");
    tell_untested(page, result);
    tell_warnings(page, result);
    if (sweep->unsteady)
        pf_page_paragraph(page, 2,
                          "Two runs without faults print different things, so what is printed was not "
                          "compared: lost data would only show in files, or in a ledger.");
}

static void tell_stack(const struct pf_page *page, const struct pf_trial_result *trial)
{
    fprintf(page->file, "   %sStruck in:%s\n", page->ink.bold, page->ink.end);
    for (size_t i = 0; i < trial->stack_count && i < FRAMES_TOLD; i++)
        fprintf(page->file, "     %s\n", pf_plain_line(page->arena, trial->stack[i]));
    if (trial->stack_count > FRAMES_TOLD)
        fprintf(page->file, "     ... and %zu more\n", trial->stack_count - FRAMES_TOLD);
}

static const char *tell_replays(const struct pf_page *page, const struct pf_failure *failure)
{
    if (!failure->replays)
        return "not tried again";
    const char *counts =
        pf_arena_printf(page->arena, "replayed %" PRIu64 " of %" PRIu64, failure->replayed, failure->replays);
    if (failure->replayed < failure->replays)
        return pf_arena_printf(page->arena, "%s: flaky", counts);
    return failure->chance ? pf_arena_printf(page->arena, "%s, at a call that chance decides on", counts)
                           : counts;
}

/* "23-95 and 97 of the 101 instructions of the call". */
static const char *tell_instructions(const struct pf_page *page, const struct pf_result *result,
                                     const struct pf_failure *failure)
{
    const char *text = "";
    uint64_t of = 0, first = 0, last = 0;
    for (size_t i = 0; i <= failure->trial_count; i++) {
        const struct pf_trial_result *trial =
            i < failure->trial_count ? pf_view_trial(result, failure->trials[i]) : NULL;
        if (i < failure->trial_count && !trial)
            continue;
        if (trial && of && (trial->instruction == last || trial->instruction == last + 1)) {
            last = trial->instruction;
            continue;
        }
        if (of)
            text = first == last
                       ? pf_arena_printf(page->arena, "%s%s%" PRIu64, text, *text ? ", " : "", first)
                       : pf_arena_printf(page->arena, "%s%s%" PRIu64 "-%" PRIu64, text, *text ? ", " : "",
                                         first, last);
        first = last = trial ? trial->instruction : 0;
        of = trial ? trial->instructions : of;
    }
    return pf_arena_printf(page->arena, "Before instruction %s of %" PRIu64 " (counted from 0)", text, of);
}

static const char *tell_faults(const struct pf_page *page, const struct pf_trial_result *trial)
{
    const char *text = "";
    for (size_t i = 0; i < trial->fault_count; i++)
        text = pf_arena_printf(page->arena, "%s%s%s", text, i ? ", " : "", trial->faults[i].spec);
    return text;
}

static void tell_failure(const struct pf_page *page, const struct pf_result *result, size_t index)
{
    const struct pf_failure *failure = &result->sweep->failures[index];
    const struct pf_trial_result *trial = pf_view_trial(result, failure->trials[0]);
    fprintf(page->file, "\n%s%zu. %s%s%s (%" PRIu64 " trial%s, %s)\n", page->ink.bold, index + 1,
            page->ink.red, heads[failure->outcome], page->ink.end, failure->count,
            failure->count == 1 ? "" : "s", tell_replays(page, failure));
    if (trial && trial->fault_count)
        pf_page_paragraph(page, 3, pf_arena_printf(page->arena, "Under %s", tell_faults(page, trial)));
    if (trial && trial->instructions)
        pf_page_paragraph(page, 3, tell_instructions(page, result, failure));
    if (failure->summary)
        pf_page_paragraph(page, 3, failure->summary);
    if (trial && trial->diagnosis)
        pf_story_diagnosis(page, 3, trial);
    if (trial && trial->stack_count)
        tell_stack(page, trial);
    /* Not wrapped: it is there to be copied. */
    if (failure->replay)
        fprintf(page->file, "   %sReplay:%s %s\n", page->ink.bold, page->ink.end,
                pf_plain_text(page->arena, failure->replay));
}

void pf_sweep_write(const struct pf_page *page, const struct pf_result *result, const char *title)
{
    const struct pf_sweep_result *sweep = result->sweep;
    const char *name = result->trial_count ? pf_view_name(page->arena, &result->trials[0]) : "nothing tried";
    fprintf(page->file, "%s%s%s: %s: ", page->ink.bold, title, page->ink.end, name);
    if (sweep->failure_count)
        fprintf(page->file, "%s%zu failure%s%s\n", page->ink.red, sweep->failure_count,
                sweep->failure_count == 1 ? "" : "s", page->ink.end);
    else
        fprintf(page->file, "%sno failures%s\n", page->ink.green, page->ink.end);
    tell_scope(page, result);
    for (size_t i = 0; i < sweep->failure_count; i++)
        tell_failure(page, result, i);
}
