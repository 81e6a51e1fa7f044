#include "narrate/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "reports/plain.h"
#include "reports/view.h"

/* The line of the source that a node stands at: "audit at scenarios/x/broken.c:39". 0: not of this source. */
static unsigned long line_of(const struct pf_scene *scene, const char *where)
{
    const char *name = scene->source && where ? strstr(where, scene->source_name) : NULL;
    size_t length = name ? strlen(scene->source_name) : 0;
    bool whole = name && (name == where || name[-1] == '/' || name[-1] == ' ') && name[length] == ':';
    return whole ? strtoul(name + length + 1, NULL, 10) : 0;
}

/* Line 0 is none. */
static void quote_line(struct pf_scene *scene, unsigned long wanted)
{
    const char *line = scene->source;
    for (unsigned long number = 1; wanted && number < wanted && *line; number++) {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (!wanted || !*line)
        return;
    size_t length = strcspn(line, "\n"), blank = strspn(line, " \t");
    const char *text = blank < length ? pf_arena_strndup(scene->arena, line + blank, length - blank) : "";
    pf_scene_tell(scene, PF_TONE_STRONG,
                  pf_arena_printf(scene->arena, "%6lu | %s", wanted, pf_plain_line(scene->arena, text)))
        ->verbatim = true;
}

/* Of a single one the line above has said what it is. */
static void tell_findings(struct pf_scene *scene, const struct pf_trial_result *trial)
{
    size_t count = 0;
    for (size_t i = 0; i < trial->finding_count; i++)
        count += trial->findings[i].severity == PF_SEVERITY_FAIL;
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (finding->severity != PF_SEVERITY_FAIL)
            continue;
        const char *kind = pf_names_get(&pf_finding_kind_names, (int)finding->kind);
        pf_scene_tell(scene, PF_TONE_PLAIN,
                      count == 1 ? finding->message
                                 : pf_arena_printf(scene->arena, "%s: %s", kind, finding->message));
    }
}

static void mark_stuck(struct pf_scene *scene, const struct pf_diagnosis *diagnosis)
{
    for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++) {
        struct pf_scene_lane *lane =
            diagnosis->nodes[i].id ? pf_scene_lane(scene, diagnosis->nodes[i].id) : NULL;
        if (lane)
            lane->struck = true;
    }
}

/* The moment of proof. */
static enum pf_beat tell_verdict(struct pf_scene *scene, const struct pf_trial_result *trial)
{
    bool proven = trial->diagnosis && trial->diagnosis->proven;
    const char *latency = trial->verdict_latency_ms > 0
                              ? pf_arena_printf(scene->arena, ", %s after the last movement",
                                                pf_view_time(scene->arena, trial->verdict_latency_ms))
                              : "";
    pf_scene_turn(scene);
    mark_stuck(scene, trial->diagnosis);
    pf_scene_tell(scene, PF_TONE_BAD,
                  pf_arena_printf(scene->arena, "%s: %s%s", proven ? "PROVEN" : "FOUND",
                                  pf_view_findings(scene->arena, trial), latency))
        ->stays = true;
    tell_findings(scene, trial);
    if (proven)
        pf_scene_tell(scene, PF_TONE_DIM, "No deadline was hit: it follows from who waits for whom.");
    return PF_BEAT_LARGE;
}

static enum pf_beat tell_clean(struct pf_scene *scene, const struct pf_trial_result *trial)
{
    pf_scene_tell(scene, PF_TONE_GOOD,
                  pf_arena_printf(scene->arena, "NO FINDINGS. The program %s after %s.",
                                  pf_view_ending(scene->arena, trial),
                                  pf_view_time(scene->arena, trial->duration_ms)));
    for (size_t i = 0; i < trial->fault_count; i++)
        pf_scene_tell(scene, PF_TONE_PLAIN,
                      pf_arena_printf(scene->arena, "The fault was there, too: %s %s", trial->faults[i].spec,
                                      pf_view_fault(scene->arena, &trial->faults[i])));
    pf_scene_tell(scene, PF_TONE_PLAIN, "Nothing hung, and nothing was left behind or lost.");
    return PF_BEAT_LARGE;
}

static bool has_edges(const struct pf_diagnosis *diagnosis, const struct pf_node *node)
{
    for (size_t i = 0; node->id && i < diagnosis->edge_count; i++)
        if (diagnosis->edges[i].from && strcmp(diagnosis->edges[i].from, node->id) == 0)
            return true;
    return false;
}

/* The n-th node of those that wait for somebody. */
static const struct pf_node *waiting_node(const struct pf_diagnosis *diagnosis, size_t n)
{
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (has_edges(diagnosis, &diagnosis->nodes[i]) && n-- == 0)
            return &diagnosis->nodes[i];
    return NULL;
}

static enum pf_beat tell_node(struct pf_scene *scene, const struct pf_diagnosis *diagnosis,
                              const struct pf_node *node)
{
    pf_scene_tell(scene, PF_TONE_PLAIN, pf_view_node(scene->arena, node));
    quote_line(scene, line_of(scene, node->where));
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        if (edge->from && edge->why && strcmp(edge->from, node->id) == 0)
            pf_scene_tell(scene, PF_TONE_ODD, pf_arena_printf(scene->arena, "-> %s", edge->why))->indent = 2;
    }
    return PF_BEAT_STEP;
}

/* Once who waits on what is told: that there is no way out, and what to do about it. */
static enum pf_beat tell_end(struct pf_scene *scene, const struct pf_trial_result *trial, size_t step)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    const char *pieces[3] = {0};
    enum pf_tone tones[3];
    size_t count = 0;
    const char *cycle = diagnosis ? pf_view_cycle(scene->arena, diagnosis) : NULL;
    if (cycle) {
        tones[count] = PF_TONE_BAD;
        pieces[count++] = pf_arena_printf(scene->arena, "The circle closes: %s", cycle);
    }
    if (diagnosis && diagnosis->summary && !waiting_node(diagnosis, 0)) {
        tones[count] = PF_TONE_PLAIN;
        pieces[count++] = diagnosis->summary;
    }
    if (diagnosis && diagnosis->fix) {
        tones[count] = PF_TONE_GOOD;
        pieces[count++] = pf_arena_printf(scene->arena, "Fix: %s", diagnosis->fix);
    }
    if (step >= count)
        return PF_BEAT_NONE;
    pf_scene_tell(scene, tones[step], pieces[step]);
    return PF_BEAT_STEP;
}

static size_t waiting_nodes(const struct pf_diagnosis *diagnosis)
{
    size_t count = 0;
    while (diagnosis && waiting_node(diagnosis, count))
        count++;
    return count;
}

/* A verdict that is not the one that the manifest expects is the first thing to say. */
static bool is_surprise(const struct pf_trial_result *trial)
{
    return trial->verdict != PF_PASS && trial->reason;
}

static bool has_failures(const struct pf_trial_result *trial)
{
    for (size_t i = 0; i < trial->finding_count; i++)
        if (trial->findings[i].severity == PF_SEVERITY_FAIL)
            return true;
    return false;
}

enum pf_beat pf_outcome_tell(struct pf_scene *scene, const struct pf_trial_result *trial, size_t step)
{
    bool fails = has_failures(trial);
    if (is_surprise(trial) && step-- == 0) {
        pf_scene_tell(scene, PF_TONE_BAD,
                      pf_arena_printf(scene->arena, "NOT AS EXPECTED: %s", trial->reason));
        return PF_BEAT_LARGE;
    }
    if (!fails && trial->verdict != PF_PASS)
        return PF_BEAT_NONE;
    if (step == 0)
        return fails ? tell_verdict(scene, trial) : tell_clean(scene, trial);
    size_t nodes = waiting_nodes(trial->diagnosis);
    if (fails && step <= nodes)
        return tell_node(scene, trial->diagnosis, waiting_node(trial->diagnosis, step - 1));
    return fails ? tell_end(scene, trial, step - 1 - nodes) : PF_BEAT_NONE;
}

enum pf_beat pf_outcome_marks(struct pf_scene *scene, const char *heading, const struct pf_mark_line *marks,
                              size_t count)
{
    if (!count || !scene->source)
        return PF_BEAT_NONE;
    pf_scene_turn(scene);
    pf_scene_tell(scene, PF_TONE_STRONG, heading);
    for (size_t i = 0; i < count; i++) {
        quote_line(scene, marks[i].line);
        if (marks[i].note)
            pf_scene_tell(scene, PF_TONE_ODD, marks[i].note)->indent = 8;
    }
    return PF_BEAT_STEP;
}
