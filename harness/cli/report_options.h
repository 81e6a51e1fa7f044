/* report_options.h - --report and --json, which every command that judges something has. */
#ifndef PF_CLI_REPORT_OPTIONS_H
#define PF_CLI_REPORT_OPTIONS_H

#include "cli/deliver.h"
#include "cli/options.h"

/* The settings of such a command begin with this one. */
struct pf_report_settings {
    struct pf_deliveries deliveries;
};

int pf_report_settings_add(void *settings, const char *value, struct pf_error *error);
int pf_report_settings_json(void *settings, const char *value, struct pf_error *error);

/* Rows for the option table of such a command. */
#define PF_OPTION_REPORT                                                                                     \
    {                                                                                                        \
        .name = "report", .argument = "FORMAT[:FILE]",                                                       \
        .help = "write a report to FILE, or to standard output; may be given many times. "                   \
                "FORMAT is text, json, junit, tap, html, markdown, sarif, github, gitlab, dot or perfetto",  \
        .set = pf_report_settings_add                                                                        \
    }
#define PF_OPTION_JSON                                                                                       \
    {                                                                                                        \
        .name = "json", .help = "short for --report json:-; nothing else goes to standard output",           \
        .set = pf_report_settings_json                                                                       \
    }

/* To be asked before the work. Returns PF_GO_ON, or a status after a message. */
int pf_report_settings_check(const struct pf_report_settings *settings, const char *command);

/* Writes the reports, a text report to standard output when none was asked for, and returns the exit status.
 */
int pf_report_settings_deliver(const struct pf_report_settings *settings, const struct pf_result *result,
                               const char *command);

#endif
