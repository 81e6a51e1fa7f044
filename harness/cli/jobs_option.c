#include "cli/jobs_option.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

enum { JOBS_MOST = 256 };

size_t pf_jobs_default(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

int pf_jobs_option_set(size_t *jobs, const char *value, struct pf_error *error)
{
    return pf_count_option_set(jobs, JOBS_MOST, value, error);
}

int pf_count_option_set(size_t *count, size_t most, const char *value, struct pf_error *error)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (errno || value[0] < '0' || value[0] > '9' || *end || number < 1 || number > most)
        return pf_error_set(error, -EINVAL, "\"%s\": a whole number from 1 to %zu was expected", value, most);
    *count = number;
    return 0;
}
