#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

#include "faults/strike.h"

int pf_strike_limit(pid_t pid, int resource, uint64_t value)
{
    struct rlimit now;
    if (prlimit(pid, (__rlimit_resource_t)resource, NULL, &now) < 0)
        return -errno;
    struct rlimit changed = {.rlim_cur = value, .rlim_max = now.rlim_max < value ? value : now.rlim_max};
    return prlimit(pid, (__rlimit_resource_t)resource, &changed, NULL) < 0 ? -errno : 0;
}
