#include "launch/limits.h"

#include <errno.h>
#include <sys/resource.h>

#include "model/resource.h"

int pf_launch_limits(const struct pf_trial *trial, struct pf_arena *arena,
                     const struct pf_child_limit **ret_limits, struct pf_error *error)
{
    struct pf_child_limit *limits = pf_arena_alloc(arena, trial->limit_count * sizeof(*limits) + 1);
    for (size_t i = 0; i < trial->limit_count; i++) {
        int resource = pf_resource_number(trial->limits[i].resource);
        struct rlimit now;
        if (resource < 0 || getrlimit((__rlimit_resource_t)resource, &now) < 0)
            return pf_error_set(error, -EINVAL, "%s: no such resource limit", trial->limits[i].resource);
        rlim_t value = trial->limits[i].value;
        limits[i] = (struct pf_child_limit){
            .resource = resource,
            .value = {.rlim_cur = value, .rlim_max = now.rlim_max < value ? value : now.rlim_max}};
    }
    *ret_limits = limits;
    return 0;
}
