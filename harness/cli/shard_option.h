/* shard_option.h - --shard, which every command that carries out a plan of many trials has. */
#ifndef PF_CLI_SHARD_OPTION_H
#define PF_CLI_SHARD_OPTION_H

#include "cli/options.h"
#include "plan/shard.h"

/* For the `set` of such a command's row: reads the words, and where they are "auto" the environment. */
int pf_shard_option_set(struct pf_shard *shard, const char *value, struct pf_error *error);

/* A row for the option table of such a command. */
#define PF_OPTION_SHARD(set_function)                                                                        \
    {                                                                                                        \
        .name = "shard", .argument = "I/N",                                                                  \
        .help = "only the I-th of N equal parts of the trials; auto or auto/N takes both, or I, from the "   \
                "variables of a CI server or batch system. `pitfall report` puts the results together",      \
        .set = (set_function)                                                                                \
    }

/* Tells an engine that asks for it that its variables were heeded. Returns PF_GO_ON, or a status after a
 * message. */
int pf_shard_acknowledge(const struct pf_shard *shard, const char *command);

/* The part of the plan that a result of this shard is. */
struct pf_part *pf_shard_part(const struct pf_shard *shard, const char *fingerprint, size_t trials,
                              struct pf_arena *arena);

#endif
