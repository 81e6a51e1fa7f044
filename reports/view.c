#include "reports/view.h"

#include <stdlib.h>
#include <string.h>

#include "reports/plain.h"

/* Longer command lines are cut: whole they stand in the JSON report and in the replay line. */
#define NAME_BYTES 120

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct pf_view_group *group_of(struct pf_view_group *groups, size_t count,
                                      const struct pf_trial_result *trial)
{
    if (trial->scenario)
        for (size_t i = 0; i < count; i++)
            if (same(groups[i].scenario, trial->scenario) && same(groups[i].variant, trial->variant))
                return &groups[i];
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_latency(struct pf_arena *arena, const struct pf_view_group *group)
{
    double *latencies = pf_arena_alloc(arena, group->trial_count * sizeof(*latencies));
    size_t count = 0;
    for (size_t i = 0; i < group->trial_count; i++)
        if (group->trials[i]->verdict_latency_ms > 0)
            latencies[count++] = group->trials[i]->verdict_latency_ms;
    qsort(latencies, count, sizeof(*latencies), ascending);
    return count ? latencies[count / 2] : 0;
}

static bool is_bad(const struct pf_trial_result *trial)
{
    return trial->verdict == PF_FAIL || trial->verdict == PF_ERROR;
}

struct pf_view_group *pf_view_groups(struct pf_arena *arena, const struct pf_result *result,
                                     size_t *ret_count)
{
    struct pf_view_group *groups = NULL;
    size_t count = 0;
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *trial = &result->trials[i];
        struct pf_view_group *group = group_of(groups, count, trial);
        if (!group) {
            group = pf_arena_grow(arena, &groups, &count, sizeof(*groups));
            group->scenario = trial->scenario;
            group->variant = trial->variant;
            group->sample = trial;
        }
        const struct pf_trial_result **slot =
            pf_arena_grow(arena, &group->trials, &group->trial_count, sizeof(*slot));
        *slot = trial;
        group->verdicts[trial->verdict]++;
        if (is_bad(trial) && !is_bad(group->sample))
            group->sample = trial;
    }
    for (size_t i = 0; i < count; i++)
        groups[i].latency_ms = median_latency(arena, &groups[i]);
    *ret_count = count;
    return groups;
}

size_t pf_view_fitting(const char *text, size_t room)
{
    size_t length = strnlen(text, room);
    while (length && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    return length;
}

static const char *cut(struct pf_arena *arena, const char *text, size_t most)
{
    if (strlen(text) <= most)
        return text;
    return pf_arena_printf(arena, "%.*s...", (int)pf_view_fitting(text, most - 3), text);
}

const char *pf_view_name(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    if (!trial->scenario)
        return trial->command_count
                   ? cut(arena, pf_plain_words(arena, trial->command, trial->command_count), NAME_BYTES)
                   : "?";
    if (!trial->variant)
        return pf_plain_line(arena, trial->scenario);
    return pf_arena_printf(arena, "%s/%s", pf_plain_line(arena, trial->scenario),
                           pf_plain_line(arena, trial->variant));
}

const char *pf_view_findings(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    const char *line = NULL;
    bool seen[PF_FINDING__COUNT] = {false};
    for (int severity = PF_SEVERITY_FAIL; severity < PF_SEVERITY__COUNT; severity++)
        for (size_t i = 0; i < trial->finding_count; i++) {
            const struct pf_finding *finding = &trial->findings[i];
            if ((int)finding->severity != severity || seen[finding->kind])
                continue;
            seen[finding->kind] = true;
            const char *kind = pf_names_get(&pf_finding_kind_names, (int)finding->kind);
            line = line ? pf_arena_printf(arena, "%s, %s", line, kind) : kind;
        }
    return line ? line : "-";
}

const char *pf_view_diagnosis(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    return trial->diagnosis && trial->diagnosis->pitfall ? pf_plain_line(arena, trial->diagnosis->pitfall)
                                                         : "-";
}

const char *pf_view_time(struct pf_arena *arena, double ms)
{
    if (ms <= 0)
        return "-";
    if (ms < 10)
        return pf_arena_printf(arena, "%.1f ms", ms);
    return ms < 1000 ? pf_arena_printf(arena, "%.0f ms", ms) : pf_arena_printf(arena, "%.1f s", ms / 1000);
}

const char *pf_view_ending(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    if (!trial->exit)
        return trial->attached ? "was looked at, and left alone," : "had not ended";
    if (trial->exit->signaled)
        return pf_arena_printf(arena, "died of %s",
                               trial->exit->signal ? pf_plain_line(arena, trial->exit->signal)
                                                   : "an unknown signal");
    return pf_arena_printf(arena, "ended with status %llu", (unsigned long long)trial->exit->code);
}

const char *pf_view_fault(struct pf_arena *arena, const struct pf_fault_account *fault)
{
    if (!fault->armed)
        return "was not armed";
    if (!fault->fired)
        return "never struck";
    const char *times = fault->fired == 1
                            ? "struck once"
                            : pf_arena_printf(arena, "struck %llu times", (unsigned long long)fault->fired);
    for (size_t i = 0; i < fault->where_count; i++)
        times =
            pf_arena_printf(arena, "%s%s %s", times, i ? ";" : ":", pf_plain_line(arena, fault->where[i]));
    return fault->fired > fault->where_count && fault->where_count ? pf_arena_printf(arena, "%s; ...", times)
                                                                   : times;
}

const char *pf_view_node(struct pf_arena *arena, const struct pf_node *node)
{
    const char *line = pf_plain_line(arena, node->label ? node->label : node->id);
    if (node->state)
        line = pf_arena_printf(arena, "%s: %s", line, pf_plain_line(arena, node->state));
    if (node->where)
        line = pf_arena_printf(arena, "%s, in %s", line, pf_plain_line(arena, node->where));
    return line;
}

const char *pf_view_chain(const struct pf_trial_result *trial)
{
    bool hangs = !trial->finding_count;
    for (size_t i = 0; i < trial->finding_count; i++) {
        enum pf_finding_kind kind = trial->findings[i].kind;
        hangs |= kind == PF_FINDING_DEADLOCK || kind == PF_FINDING_HANG || kind == PF_FINDING_BUSY_LOOP;
    }
    return hangs ? "Who waits on what" : "How it came about";
}

const char *pf_view_label(struct pf_arena *arena, const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (same(diagnosis->nodes[i].id, id) && diagnosis->nodes[i].label)
            return pf_plain_line(arena, diagnosis->nodes[i].label);
    return pf_plain_line(arena, id);
}

const char *pf_view_cycle(struct pf_arena *arena, const struct pf_diagnosis *diagnosis)
{
    if (!diagnosis->cycle_count)
        return NULL;
    const char *line = "";
    for (size_t i = 0; i < diagnosis->cycle_count; i++)
        line = pf_arena_printf(arena, "%s%s -> ", line, pf_plain_line(arena, diagnosis->cycle[i]));
    return pf_arena_printf(arena, "%s%s", line, pf_plain_line(arena, diagnosis->cycle[0]));
}

const char *pf_view_environment(struct pf_arena *arena, const struct pf_environment *environment)
{
    const char *line = pf_arena_printf(
        arena, "pitfall %s", environment->pitfall ? pf_plain_line(arena, environment->pitfall) : "?");
    if (environment->kernel)
        line = pf_arena_printf(arena, "%s, Linux %s %s", line, pf_plain_line(arena, environment->kernel),
                               pf_plain_line(arena, environment->machine));
    if (environment->containment)
        line = pf_arena_printf(arena, "%s, containment: %s", line,
                               pf_plain_line(arena, environment->containment));
    if (environment->containment_note)
        line = pf_arena_printf(arena, "%s (%s)", line, pf_plain_line(arena, environment->containment_note));
    if (environment->isolated || environment->isolation_note)
        line = pf_arena_printf(arena, "%s, files: %sisolated", line, environment->isolated ? "" : "not ");
    if (environment->isolation_note)
        line = pf_arena_printf(arena, "%s (%s)", line, pf_plain_line(arena, environment->isolation_note));
    return line;
}

const char *pf_view_totals(struct pf_arena *arena, const struct pf_totals *totals)
{
    const struct {
        uint64_t count;
        const char *word;
    } parts[] = {{totals->pass, "passed"},
                 {totals->fail, "failed"},
                 {totals->error, "could not be tested"},
                 {totals->skip, "skipped"}};
    const char *line = pf_arena_printf(arena, "%llu trial%s", (unsigned long long)totals->trials,
                                       totals->trials == 1 ? "" : "s");
    bool first = true;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].count) {
            line = pf_arena_printf(arena, "%s%s %llu %s", line, first ? ":" : ",",
                                   (unsigned long long)parts[i].count, parts[i].word);
            first = false;
        }
    return line;
}

const char *pf_view_faults(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    const char *text = NULL;
    for (size_t i = 0; i < trial->fault_count; i++) {
        const char *spec = pf_plain_line(arena, trial->faults[i].spec);
        text = text ? pf_arena_printf(arena, "%s %s", text, spec) : spec;
    }
    return text;
}

const char *pf_view_title(struct pf_arena *arena, const struct pf_result *result, const char *title)
{
    const char *part = result->part ? pf_part_name(result->part, arena) : NULL;
    title = title ? title : "pitfall";
    return part ? pf_arena_printf(arena, "%s, %s", title, part) : title;
}

const char *pf_view_lack(struct pf_arena *arena, const struct pf_result *result)
{
    const char *lack = result->part ? pf_part_lack(result->part, arena) : NULL;
    return lack ? pf_arena_printf(arena, "Not complete: %s", lack) : NULL;
}

bool pf_view_is_short(const struct pf_result *result)
{
    return result->part && pf_part_is_short(result->part);
}

const struct pf_trial_result *pf_view_trial(const struct pf_result *result, uint64_t id)
{
    for (size_t i = 0; i < result->trial_count; i++)
        if (result->trials[i].id == id)
            return &result->trials[i];
    return NULL;
}

const char *pf_view_outcome(enum pf_outcome outcome)
{
    static const char *const meanings[PF_OUTCOME__COUNT] = {
        [PF_OUTCOME_NONE] = "not tested",
        [PF_OUTCOME_CLEAN] = "coped",
        [PF_OUTCOME_GRACEFUL] = "failed cleanly",
        [PF_OUTCOME_RESIDUE] = "left something behind",
        [PF_OUTCOME_ABORT] = "crashed",
        [PF_OUTCOME_HANG] = "hung",
        [PF_OUTCOME_SILENT] = "lost data silently",
    };
    return meanings[outcome];
}

const char *pf_view_output_tail(struct pf_arena *arena, const struct pf_trial_result *trial, int lines)
{
    if (!trial->output || !*trial->output)
        return NULL;
    const char *end = trial->output + strlen(trial->output);
    const char *start = end[-1] == '\n' ? end - 1 : end;
    while (start > trial->output && (start[-1] != '\n' || --lines > 0))
        start--;
    return pf_plain_text(arena, start);
}
