#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/report_options.h"
#include "model/merge.h"
#include "sweep/group.h"

struct settings {
    struct pf_report_settings reports;
    bool partial;
};

static int set_partial(void *settings, const char *value, struct pf_error *error)
{
    (void)value;
    (void)error;
    ((struct settings *)settings)->partial = true;
    return 0;
}

static const struct pf_option report_options[] = {
    {0, "partial", NULL, "do not mind shards and trials that are missing", set_partial},
    PF_OPTION_REPORT,
    PF_OPTION_JSON,
    {0},
};

static int read_file(const char *path, struct pf_merge_input *ret_input, struct pf_error *error)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (!file)
        return pf_error_set(error, -errno, "%s: the result cannot be opened: %s", path, strerror(errno));
    struct pf_result *result = NULL;
    const char *name = standard ? "standard input" : path;
    int r = pf_result_read(file, name, &result, error);
    if (!standard)
        fclose(file);
    if (r == 0)
        *ret_input = (struct pf_merge_input){.name = name, .result = result};
    return r;
}

/* What is missing is said whatever the reports are: a server may show none of them. */
static void say_lack(const struct pf_command *command, const struct pf_result *merged)
{
    const char *lack = merged->part ? pf_part_lack(merged->part, merged->arena) : NULL;
    if (lack)
        pf_complain(command->name, 0, "%s", lack);
}

static int deliver(const struct pf_command *command, const struct settings *settings,
                   const struct pf_merge_input *inputs, size_t count)
{
    struct pf_result *merged = NULL;
    struct pf_error error = {""};
    if (pf_merge(inputs, count, settings->partial, &merged, &error) < 0)
        return pf_complain(command->name, PF_STATUS_USAGE, "%s", error.message);
    if (merged->sweep)
        pf_sweep_group(merged);
    int status = pf_report_settings_deliver(&settings->reports, merged, command->name);
    say_lack(command, merged);
    pf_result_free(merged);
    return status;
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {0};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status != PF_GO_ON)
        return status;
    if (operand == argc)
        return pf_complain(command->name, PF_STATUS_USAGE,
                           "a result was expected; --report json:FILE of another command makes one, - reads "
                           "standard input");
    status = pf_report_settings_check(&settings.reports, command->name);
    if (status != PF_GO_ON)
        return status;
    struct pf_arena *arena = pf_arena_new();
    size_t count = (size_t)(argc - operand), read = 0;
    struct pf_merge_input *inputs = pf_arena_alloc(arena, count * sizeof(*inputs));
    struct pf_error error = {""};
    while (read < count && read_file(argv[(size_t)operand + read], &inputs[read], &error) == 0)
        read++;
    if (read < count)
        status = pf_complain(command->name, PF_STATUS_USAGE, "%s", error.message);
    else
        status = deliver(command, &settings, inputs, count);
    for (size_t i = 0; i < read; i++)
        pf_result_free(inputs[i].result);
    pf_arena_free(arena);
    return status;
}

const struct pf_command pf_command_report = {
    .name = "report",
    .operands = "[OPTION]... RESULT...",
    .summary = "put results together, and write them in other formats",
    .about =
        "Reads results that other commands have written with --report json:FILE, and writes reports of "
        "them. The shards of a check or sweep become one result: a shard or trial that is there twice is "
        "refused, and one that is missing is named and no clean result. Whole results of several runs are "
        "put one behind the other. With - a result is read from standard input.",
    .options = report_options,
    .clean = "no findings, and nothing is missing",
    .findings = "findings, or a check that failed",
    .examples = "  pitfall report shard-*.json --report text --report junit:pitfall.xml\n"
                "  pitfall report --partial --report html:shard-2.html shard-2.json\n",
    .run = run,
};
