/*
 * options.h - one table per command says which options it has; parsing and --help both follow it.
 */
#ifndef PF_CLI_OPTIONS_H
#define PF_CLI_OPTIONS_H

#include <stdbool.h>

#include "model/error.h"

/* The contract with scripts and CI. */
enum pf_status {
    PF_STATUS_CLEAN = 0,
    PF_STATUS_FINDINGS = 1,
    PF_STATUS_USAGE = 2,
    PF_STATUS_HARNESS = 3,
    PF_STATUS_SKIPPED = 77,
};

struct pf_option {
    char letter;          /* 0: long form only */
    const char *name;     /* without the dashes; NULL ends a table */
    const char *argument; /* what its value is called; NULL: it takes none */
    const char *help;
    /* Takes the value into the command's settings. Returns 0 or -errno with a message. */
    int (*set)(void *settings, const char *value, struct pf_error *error);
};

struct pf_command {
    const char *name;
    const char *operands; /* "[ID | DIR]..." */
    const char *summary;  /* one line, for the list of commands */
    const char *about;    /* one paragraph */
    const struct pf_option *options;
    const char *clean, *findings; /* what status 0 and 1 mean here; findings NULL: there is no status 1 */
    const char *examples;         /* lines as they are */
    bool program_follows;         /* options end at the first operand */
    int (*run)(const struct pf_command *command, int argc, char **argv);
};

/* What pf_options_parse returns when the command is to be carried out. */
#define PF_GO_ON (-1)

/*
 * Parses argv (argv[0] is the command's name) into settings. *ret_operand is the index of the first operand.
 * Returns PF_GO_ON, or the exit status when all is said: after --help, or after a message about a mistake.
 */
int pf_options_parse(const struct pf_command *command, int argc, char **argv, void *settings,
                     int *ret_operand);

/* Says "pitfall NAME: MESSAGE" on standard error and returns the status. name NULL: "pitfall: MESSAGE". */
int pf_complain(const char *name, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
