/* commands.h - the commands, in the order in which the help lists them. */
#ifndef PF_CLI_COMMANDS_H
#define PF_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct pf_command pf_command_list;
extern const struct pf_command pf_command_show;
extern const struct pf_command pf_command_demo;
extern const struct pf_command pf_command_check;
extern const struct pf_command pf_command_run;
extern const struct pf_command pf_command_sweep;
extern const struct pf_command pf_command_diagnose;
extern const struct pf_command pf_command_judge;
extern const struct pf_command pf_command_report;

#endif
