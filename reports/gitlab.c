/* GitLab's Code Quality report: the widget of a merge request, and marks beside the lines of the change. */
#include "reports/formats.h"

#include <errno.h>

#include "reports/json_text.h"
#include "reports/problem.h"

/* Every entry needs a file. Where no line is known it is the program that was run, or the scenario. */
static json_t *location_of(const struct pf_problem *problem)
{
    const struct pf_trial_result *trial = problem->told ? problem->told->trial : NULL;
    const char *path = problem->place.file;
    if (!path && trial)
        path = trial->scenario ? trial->scenario : trial->command_count ? trial->command[0] : NULL;
    json_t *location = json_object();
    json_object_set_new(location, "path", pf_json_line(path ? path : problem->name));
    json_object_set_new(
        location, "lines",
        json_pack("{s:I}", "begin", (json_int_t)(path && problem->place.line ? problem->place.line : 1)));
    return location;
}

static json_t *entry_of(struct pf_arena *arena, const struct pf_problem *problem)
{
    static const char *const severities[] = {[PF_PROBLEM_FAILURE] = "critical",
                                             [PF_PROBLEM_ERROR] = "blocker",
                                             [PF_PROBLEM_WARNING] = "minor",
                                             [PF_PROBLEM_NOTE] = "info"};
    json_t *entry = json_object();
    json_object_set_new(entry, "description",
                        pf_json_line(pf_arena_printf(arena, "%s: %s", problem->name, problem->message)));
    json_object_set_new(entry, "check_name",
                        pf_json_line(pf_arena_printf(arena, "pitfall/%s", problem->rule)));
    json_object_set_new(entry, "fingerprint", json_string(problem->fingerprint));
    json_object_set_new(entry, "severity", json_string(severities[problem->level]));
    json_object_set_new(entry, "location", location_of(problem));
    if (problem->detail)
        json_object_set_new(entry, "content", json_pack("{s:o}", "body", pf_json_text(problem->detail)));
    return entry;
}

int pf_gitlab_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    size_t count;
    const struct pf_problem *problems = pf_problem_list(arena, result, options->directory, &count);
    json_t *entries = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(entries, entry_of(arena, &problems[i]));
    pf_arena_free(arena);
    return pf_json_finish(entries, file);
}
