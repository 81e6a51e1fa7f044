/* The CPUs that a process may run on, as a set that travels: a bit for each, in words of the kernel's. */
#ifndef MPROC_CPUS_H
#define MPROC_CPUS_H

#include <sched.h>
#include <stddef.h>

/* Room for eight times as many as a cpu_set_t has, which is more than any kernel is built for. */
struct mproc_cpus {
    cpu_set_t sets[8];
    size_t len; /* bytes of it that are in use; 0: none were asked for */
};

/* The set of a list. Errors: -EINVAL, with a detail: there is no such CPU, or no list. */
int mproc_cpus_choose(const int *list, size_t count, struct mproc_cpus *ret_cpus);

/* Lets the calling thread run on these CPUs and no others. Errors: -EINVAL, with a detail: there is one among
 * them that it cannot run on; those of sched_setaffinity(). */
int mproc_cpus_set(const void *bytes, size_t len);

#endif
