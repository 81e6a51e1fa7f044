#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/report_options.h"
#include "judge/judge.h"
#include "judge/timeline.h"

static const struct pf_option judge_options[] = {
    PF_OPTION_REPORT,
    PF_OPTION_JSON,
    {0},
};

static int judge_file(const struct pf_command *command, const char *path, struct pf_result *result)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (!file)
        return pf_complain(command->name, PF_STATUS_USAGE, "%s: the trace cannot be opened: %s", path,
                           strerror(errno));
    struct pf_trace *trace;
    struct pf_error error = {""};
    int r = pf_trace_read(file, standard ? "standard input" : path, &trace, &error);
    if (!standard)
        fclose(file);
    if (r < 0)
        return pf_complain(command->name, PF_STATUS_USAGE, "%s", error.message);
    pf_judge_trace(trace, result);
    pf_timeline_draw(trace, result->arena, &result->trials[0]);
    pf_trace_free(trace);
    return PF_STATUS_CLEAN;
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct pf_report_settings settings = {0};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status != PF_GO_ON)
        return status;
    if (argc - operand != 1)
        return pf_complain(command->name, PF_STATUS_USAGE,
                           "one trace was expected, found %d; `pitfall run --trace FILE -- CMD` makes one, "
                           "- reads standard input",
                           argc - operand);
    status = pf_report_settings_check(&settings, command->name);
    if (status != PF_GO_ON)
        return status;
    struct pf_result *result = pf_result_new();
    status = judge_file(command, argv[operand], result);
    if (status == PF_STATUS_CLEAN) {
        pf_result_finish(result);
        status = pf_report_settings_deliver(&settings, result, command->name);
    }
    pf_result_free(result);
    return status;
}

const struct pf_command pf_command_judge = {
    .name = "judge",
    .operands = "[OPTION]... TRACE",
    .summary = "judge a recorded trace again: the same findings, without the program",
    .about = "Reads the trace of a run and says what it shows. A trace holds all that the verdict rests on, "
             "so the "
             "result is the same as that of the live run, anywhere and at any time, and needs no privileges. "
             "With - "
             "the trace is read from standard input.",
    .options = judge_options,
    .clean = "no findings, or those that the trace's scenario expects",
    .findings = "findings",
    .examples = "  pitfall run --trace t.jsonl -- ./server; pitfall judge t.jsonl\n"
                "  ssh host cat t.jsonl | pitfall judge --report html:t.html -\n",
    .run = run,
};
