/* census.h - everybody on the machine, as far as /proc shows. */
#ifndef PF_PROBE_CENSUS_H
#define PF_PROBE_CENSUS_H

#include "probe/procfs.h"

struct pf_person {
    pid_t pid;
    struct pf_task_stat stat;
};

struct pf_census {
    struct pf_person *people; /* by pid */
    size_t count;
};

/*
 * Returns 0 or -errno. Who comes or goes meanwhile may be in it or not. Whoever was in `before` (NULL:
 * nobody) is not read again: numbers are not used anew within so short a time.
 */
int pf_census_read(struct pf_arena *arena, const struct pf_census *before, struct pf_census *ret_census);
/* NULL: there is no such process. */
const struct pf_person *pf_census_find(const struct pf_census *census, pid_t pid);

#endif
