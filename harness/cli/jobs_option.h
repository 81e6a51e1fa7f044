/* jobs_option.h - -j, which every command that runs trials side by side has; and how such options say a
 * number. */
#ifndef PF_CLI_JOBS_OPTION_H
#define PF_CLI_JOBS_OPTION_H

#include <stddef.h>

#include "cli/options.h"

/* One job for each processor that this process may use. */
size_t pf_jobs_default(void);

/* For the `set` of such a command's row. */
int pf_jobs_option_set(size_t *jobs, const char *value, struct pf_error *error);

/* Reads a number from 1 to `most`. Errors: -EINVAL. */
int pf_count_option_set(size_t *count, size_t most, const char *value, struct pf_error *error);

#endif
