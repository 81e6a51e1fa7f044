/*
 * trial_options.h - the options by which run and sweep say how a program is to be run and what is right.
 */
#ifndef PF_CLI_TRIAL_OPTIONS_H
#define PF_CLI_TRIAL_OPTIONS_H

#include "cli/report_options.h"
#include "plan/plan.h"

/* The settings of such a command begin with this one. */
struct pf_trial_settings {
    struct pf_report_settings reports; /* stays first: the options of reports set it */
    struct pf_trial *trial;
};

/* Sets the command, and what follows from all of the options. */
void pf_trial_settings_finish(struct pf_trial_settings *settings, int count, char **words);

int pf_trial_set_inject(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_limit(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_deadline(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_grace(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_seed(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_max_processes(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_share(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_isolate(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_daemon(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_exit(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_output(void *settings, const char *value, struct pf_error *error);
int pf_trial_set_text(void *settings, const char *value, struct pf_error *error);

/* Rows for the option table of such a command. */
#define PF_OPTION_INJECT                                                                                     \
    {                                                                                                        \
        'i', "inject", "SPEC",                                                                               \
            "strike with a fault: SET:ACTION[:when=N][:proc=GLOB]..., for instance "                         \
            "write:error=EINTR:when=3 "                                                                      \
            "or point=lock-held:signal=TERM; may be given many times",                                       \
            pf_trial_set_inject                                                                              \
    }
#define PF_OPTION_LIMIT                                                                                      \
    {                                                                                                        \
        'l', "limit", "RESOURCE=VALUE", "run under a resource limit, for instance nofile=32",                \
            pf_trial_set_limit                                                                               \
    }
#define PF_OPTION_GRACE                                                                                      \
    {                                                                                                        \
        'g', "grace", "TIME",                                                                                \
            "how long processes may outlive the program before they are orphans. Default: 1s",               \
            pf_trial_set_grace                                                                               \
    }
#define PF_OPTION_ALLOW_DAEMON                                                                               \
    {                                                                                                        \
        0, "allow-daemon", NULL,                                                                             \
            "processes that outlive the program are meant to: no orphans; they are ended after the grace",   \
            pf_trial_set_daemon                                                                              \
    }
#define PF_OPTION_SEED                                                                                       \
    {                                                                                                        \
        0, "seed", "N", "what rules with prob= make of chance: the same seed, the same strikes. Default: 0", \
            pf_trial_set_seed                                                                                \
    }
#define PF_OPTION_MAX_PROCESSES                                                                              \
    {                                                                                                        \
        0, "max-processes", "N",                                                                             \
            "call it a process explosion, and end it, when more than N are alive at once; 0: no bound. "     \
            "Default: 2000",                                                                                 \
            pf_trial_set_max_processes                                                                       \
    }
#define PF_OPTION_SHARE                                                                                      \
    {                                                                                                        \
        0, "share", "LIST", "give up parts of the containment: pid, ipc, shm", pf_trial_set_share            \
    }
#define PF_OPTION_EXPECT_TEXT                                                                                \
    {                                                                                                        \
        0, "expect-text", "TEXT",                                                                            \
            "its standard output must contain TEXT; the output is then kept for the report",                 \
            pf_trial_set_text                                                                                \
    }

#endif
