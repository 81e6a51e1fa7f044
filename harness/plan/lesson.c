/* What a scenario teaches: a sentence, questions, and changes to the code. */
#include <string.h>

#include "model/result.h"
#include "plan/scenario.h"

static void read_questions(const struct pf_scenario_reading *reading)
{
    const struct pf_manifest_lesson *from = &reading->manifest->lesson;
    struct pf_arena *arena = reading->scenario->arena;
    struct pf_lesson *lesson = &reading->scenario->lesson;
    for (unsigned i = 0; i < from->ask_count; i++) {
        struct pf_question *slot =
            pf_arena_grow(arena, &lesson->questions, &lesson->question_count, sizeof(*slot));
        slot->question = pf_scenario_prose(arena, from->ask[i].question);
        slot->answer = pf_scenario_prose(arena, from->ask[i].answer);
    }
}

/* "limit, lost": each a kind of finding. */
static bool are_findings(struct pf_arena *arena, const char *text)
{
    static const char between[] = ", ";
    for (text += strspn(text, between); *text; text += strspn(text, between)) {
        size_t length = strcspn(text, between);
        if (pf_names_find(&pf_finding_kind_names, pf_arena_strndup(arena, text, length)) < 0)
            return false;
        text += length;
    }
    return true;
}

static int read_change(const struct pf_scenario_reading *reading, unsigned i)
{
    const struct pf_manifest_change *from = &reading->manifest->lesson.try[i];
    struct pf_arena *arena = reading->scenario->arena;
    struct pf_lesson *lesson = &reading->scenario->lesson;
    if (from->file && strchr(from->file, '/'))
        return pf_yaml_refuse(reading->yaml, reading->error, pf_arena_printf(arena, "lesson.try[%u].file", i),
                              "\"%.60s\" must be a file in the folder of the scenario", from->file);
    if (from->finding && !are_findings(arena, from->finding))
        return pf_yaml_refuse(
            reading->yaml, reading->error, pf_arena_printf(arena, "lesson.try[%u].finding", i),
            "expected kinds of finding, such as \"deadlock\", not \"%.60s\"", from->finding);
    struct pf_change *slot = pf_arena_grow(arena, &lesson->changes, &lesson->change_count, sizeof(*slot));
    *slot = (struct pf_change){.change = pf_scenario_prose(arena, from->change),
                               .file = pf_scenario_prose(arena, from->file),
                               .include = pf_scenario_prose(arena, from->include),
                               .replace = pf_scenario_prose(arena, from->replace),
                               .by = pf_scenario_prose(arena, from->by),
                               .see = pf_scenario_prose(arena, from->see),
                               .finding = pf_scenario_prose(arena, from->finding)};
    if (!slot->by)
        slot->by = "";
    return 0;
}

int pf_scenario_read_lesson(const struct pf_scenario_reading *reading)
{
    struct pf_scenario *scenario = reading->scenario;
    scenario->lesson.sentence = pf_scenario_prose(scenario->arena, reading->manifest->lesson.sentence);
    if (!scenario->lesson.sentence)
        scenario->lesson.sentence = scenario->title;
    read_questions(reading);
    int r = 0;
    for (unsigned i = 0; i < reading->manifest->lesson.try_count && r == 0; i++)
        r = read_change(reading, i);
    return r;
}
