#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/report_options.h"
#include "cli/terminal.h"
#include "judge/judge.h"
#include "judge/timeline.h"
#include "reports/formats.h"
#include "supervise/attach.h"
#include "sweep/interrupts.h"

static const struct timespec WATCH_PAUSE = {.tv_nsec = 500 * 1000 * 1000};

struct settings {
    struct pf_report_settings reports;
    const char *trace;
    bool watch, no_stacks;
    pid_t *pids;
    size_t pid_count;
};

static int set_trace(void *data, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)data)->trace = value;
    return 0;
}

static int set_watch(void *data, const char *value, struct pf_error *error)
{
    (void)value;
    (void)error;
    ((struct settings *)data)->watch = true;
    return 0;
}

static int set_no_stacks(void *data, const char *value, struct pf_error *error)
{
    (void)value;
    (void)error;
    ((struct settings *)data)->no_stacks = true;
    return 0;
}

static const struct pf_option diagnose_options[] = {
    {'w', "watch", NULL,
     "look again twice a second and tell when something has changed, until Ctrl-C or the end of "
     "the program",
     set_watch},
    {0, "trace", "FILE", "write down what was seen, for `pitfall judge` anywhere and later", set_trace},
    {0, "no-stacks", NULL, "do not read where in its program each thread stands", set_no_stacks},
    PF_OPTION_REPORT,
    PF_OPTION_JSON,
    {0},
};

static bool is_stuck(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    (void)context;
    return pf_judge_is_stuck(trace, snapshot);
}

/* A process that does not exist, or is none, is the caller's mistake. */
static int status_of(int r)
{
    return r == -ESRCH || r == -EINVAL ? PF_STATUS_USAGE : PF_STATUS_HARNESS;
}

/* Looks once. Returns PF_GO_ON with a result to be freed, or a status after a message. */
static int look(const struct pf_command *command, const struct settings *settings, FILE *sink,
                struct pf_result **ret_result)
{
    const struct pf_attach attach = {
        .pids = settings->pids, .pid_count = settings->pid_count, .stacks = !settings->no_stacks};
    const struct pf_watcher watcher = {.is_stuck = is_stuck};
    struct pf_error error = {""};
    struct pf_trace *trace = pf_trace_new();
    trace->sink = sink;
    int r = pf_attach_look(&attach, &watcher, trace, &error);
    if (r == 0 && trace->sink_error) {
        r = trace->sink_error;
        pf_error_set(&error, r, "%s: the trace could not be written: %s", settings->trace, strerror(-r));
    }
    if (r == 0) {
        *ret_result = pf_result_new();
        pf_judge_trace(trace, *ret_result);
        pf_timeline_draw(trace, (*ret_result)->arena, &(*ret_result)->trials[0]);
        pf_result_finish(*ret_result);
    }
    pf_trace_free(trace);
    return r < 0 ? pf_complain(command->name, status_of(r), "%s", error.message) : PF_GO_ON;
}

static int diagnose_once(const struct pf_command *command, const struct settings *settings)
{
    FILE *sink = settings->trace ? fopen(settings->trace, "we") : NULL;
    if (settings->trace && !sink)
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s: the trace cannot be written: %s",
                           settings->trace, strerror(errno));
    struct pf_result *result = NULL;
    int status = look(command, settings, sink, &result);
    if (sink && fclose(sink) == EOF && status == PF_GO_ON)
        status = pf_complain(command->name, PF_STATUS_HARNESS, "%s: the trace could not be written: %s",
                             settings->trace, strerror(errno));
    if (status == PF_GO_ON)
        status = pf_report_settings_deliver(&settings->reports, result, command->name);
    pf_result_free(result);
    return status;
}

/* What is shown of a result while watching; how long it took to see it is left out, or nothing were ever the
 * same. */
static char *picture_of(const struct pf_result *result)
{
    struct pf_report_options options = {.colour = pf_terminal_colour(STDOUT_FILENO),
                                        .width = pf_terminal_width(STDOUT_FILENO),
                                        .title = "pitfall diagnose"};
    char *text = NULL;
    size_t size = 0;
    result->trials[0].duration_ms = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        abort();
    (void)pf_text_write(result, &options, file);
    fclose(file);
    return text;
}

static void show(const char *picture, bool first)
{
    static const char clear[] = "\033[H\033[2J\033[3J";
    char stamp[32] = "";
    time_t now = time(NULL);
    struct tm local;
    strftime(stamp, sizeof(stamp), "%H:%M:%S", localtime_r(&now, &local));
    bool redraw = isatty(STDOUT_FILENO) && pf_terminal_colour(STDOUT_FILENO);
    printf("%s%s%s\n%s", redraw ? clear : "", first || redraw ? "" : "\n", stamp, picture);
    fflush(stdout);
}

/* Sleeps a while; an interrupt ends it. */
static void pause_watch(const sigset_t *before)
{
    struct timespec pause = WATCH_PAUSE;
    sigset_t pending = *before;
    (void)ppoll(NULL, 0, &pause, &pending);
}

/* Until an interrupt, or nobody is left. The status is that of the last look. */
static int watch(const struct pf_command *command, const struct settings *settings)
{
    struct pf_error error = {""};
    sigset_t before;
    if (pf_interrupts_install(&error) < 0)
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", error.message);
    pf_interrupts_block(&before);
    char *shown = NULL;
    int status = PF_GO_ON, last = PF_STATUS_CLEAN;
    while (status == PF_GO_ON && pf_interrupts_count(NULL) == 0) {
        struct pf_result *result = NULL;
        status = shown && kill(settings->pids[0], 0) < 0 && errno == ESRCH
                     ? last
                     : look(command, settings, NULL, &result);
        if (!result)
            break;
        last = pf_result_exit_status(result);
        char *picture = picture_of(result);
        pf_result_free(result);
        if (!shown || strcmp(shown, picture) != 0)
            show(picture, !shown);
        free(shown);
        shown = picture;
        pause_watch(&before);
    }
    free(shown);
    return status == PF_GO_ON ? last : status;
}

static int read_pids(const struct pf_command *command, int count, char **words, struct settings *settings)
{
    settings->pids = calloc((size_t)count, sizeof(*settings->pids));
    if (!settings->pids)
        abort();
    for (int i = 0; i < count; i++) {
        char *rest;
        errno = 0;
        long number = strtol(words[i], &rest, 10);
        if (errno || rest == words[i] || *rest || number <= 0 || number > 0x7fffffff)
            return pf_complain(command->name, PF_STATUS_USAGE,
                               "\"%s\": the number of a process was expected; `pgrep -a NAME` finds it",
                               words[i]);
        settings->pids[settings->pid_count++] = (pid_t)number;
    }
    return PF_GO_ON;
}

static int run_with(const struct pf_command *command, struct settings *settings, int count, char **words)
{
    if (count == 0)
        return pf_complain(command->name, PF_STATUS_USAGE,
                           "no process to look at: pitfall diagnose [OPTION]... PID...");
    if (settings->watch && (settings->trace || settings->reports.deliveries.count))
        return pf_complain(
            command->name, PF_STATUS_USAGE,
            "--watch writes text, again and again: it goes neither with --report and --json nor with "
            "--trace");
    int status = read_pids(command, count, words, settings);
    if (status == PF_GO_ON)
        status = pf_report_settings_check(&settings->reports, command->name);
    if (status != PF_GO_ON)
        return status;
    return settings->watch ? watch(command, settings) : diagnose_once(command, settings);
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {0};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status == PF_GO_ON)
        status = run_with(command, &settings, argc - operand, argv + operand);
    free(settings.pids);
    return status;
}

const struct pf_command pf_command_diagnose = {
    .name = "diagnose",
    .operands = "[OPTION]... PID...",
    .summary = "a program that runs already: who waits on whom, and is it a deadlock?",
    .about =
        "Looks at the processes PID and all their descendants: who waits for what, who could end that, and "
        "whether "
        "anybody is stuck for good. Nothing is stopped, signalled or restarted: the program does not notice. "
        "What processes outside the tree hold is known from all of /proc that may be read; whatever they "
        "could "
        "do is no part of a proof. Alarms that were set before can be seen by root only: to others a "
        "deadlock "
        "that one could end is likely, not proven.",
    .options = diagnose_options,
    .clean = "nothing is known to be stuck",
    .findings = "a deadlock is proven, or likely",
    .examples = "  pitfall diagnose $(pidof postgres)\n"
                "  sudo pitfall diagnose --trace t.jsonl 4711; pitfall judge --report html:t.html t.jsonl\n",
    .run = run,
};
