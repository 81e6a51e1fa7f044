#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mproc/limits.h>

#include "error_internal.h"
#include "limits_internal.h"

static const char *const names[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = "RLIMIT_CPU",           [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
    [RLIMIT_DATA] = "RLIMIT_DATA",         [RLIMIT_STACK] = "RLIMIT_STACK",
    [RLIMIT_CORE] = "RLIMIT_CORE",         [RLIMIT_RSS] = "RLIMIT_RSS",
    [RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
    [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",   [RLIMIT_AS] = "RLIMIT_AS",
    [RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
    [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
    [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};

static const char *name_of(int resource)
{
    return resource >= 0 && resource < (int)RLIM_NLIMITS ? names[resource] : "the limit";
}

static int access_limit(pid_t pid, int resource, const struct rlimit *set, struct rlimit *get)
{
    if (prlimit(pid, (__rlimit_resource_t)resource, set, get) == 0)
        return 0;
    return mproc_fail(-errno, "%s (resource %d) of process %d cannot be %s: %s", name_of(resource), resource,
                      (int)pid, set ? "set" : "read", strerrordesc_np(errno));
}

int mproc_limits_get(pid_t pid, int resource, struct mproc_limit *ret_limit)
{
    struct rlimit limit;
    int r = access_limit(pid, resource, NULL, &limit);

    if (r == 0)
        *ret_limit = (struct mproc_limit){limit.rlim_cur, limit.rlim_max};
    return r;
}

int mproc_limits_raise(pid_t pid, int resource, uint64_t need)
{
    struct rlimit limit;
    int r = access_limit(pid, resource, NULL, &limit);

    if (r || limit.rlim_cur >= need)
        return r;
    const struct rlimit higher = {need, need > limit.rlim_max ? need : limit.rlim_max};
    if (prlimit(pid, (__rlimit_resource_t)resource, &higher, NULL) == 0)
        return 0;
    return mproc_fail(-errno,
                      "%s is %llu, with a hard limit of %llu, and %llu are needed; raise the hard limit",
                      name_of(resource), (unsigned long long)limit.rlim_cur,
                      (unsigned long long)limit.rlim_max, (unsigned long long)need);
}

int mproc_limits_lower(pid_t pid, int resource, uint64_t most)
{
    struct rlimit limit;
    int r = access_limit(pid, resource, NULL, &limit);

    if (r || limit.rlim_cur <= most)
        return r;
    const struct rlimit lower = {most, limit.rlim_max};
    return access_limit(pid, resource, &lower, NULL);
}

/* A number in a file of the kernel; MPROC_UNLIMITED when there is none ("max"), or no such file. */
static uint64_t read_number(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return MPROC_UNLIMITED;
    int n = fscanf(file, "%llu", &number);
    fclose(file);
    return n == 1 ? number : MPROC_UNLIMITED;
}

static void lower_to(struct mproc_bound *bound, const char *name, uint64_t value, uint64_t used)
{
    uint64_t left = value > used ? value - used : 0;
    uint64_t left_now = bound->value > bound->used ? bound->value - bound->used : 0;

    if (value == MPROC_UNLIMITED || (bound->value != MPROC_UNLIMITED && left >= left_now))
        return;
    bound->value = value;
    bound->used = used;
    snprintf(bound->name, sizeof(bound->name), "%.*s", (int)sizeof(bound->name) - 1, name);
}

bool mproc_limits_nproc_binds(void)
{
    unsigned inside = 1, outside = 1, count = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    int n = map ? fscanf(map, "%u %u %u", &inside, &outside, &count) : 0;

    if (map)
        fclose(map);
    return getuid() != 0 || (n == 3 && (inside != 0 || outside != 0 || count != UINT32_MAX));
}

/* Version 2, from our own up to the top; a limit of each binds. */
static void bound_by_cgroups(struct mproc_bound *bound)
{
    char line[512], path[640] = "", file[700];
    FILE *list = fopen("/proc/self/cgroup", "re");

    while (list && fgets(line, sizeof(line), list)) {
        if (strncmp(line, "0::/", 4) == 0)
            snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s", (int)strcspn(line + 3, "\n"), line + 3);
    }
    if (list)
        fclose(list);
    while (strlen(path) > strlen("/sys/fs/cgroup")) {
        snprintf(file, sizeof(file), "%s/pids.current", path);
        uint64_t used = read_number(file);
        snprintf(file, sizeof(file), "%s/pids.max", path);
        lower_to(bound, file, read_number(file), used == MPROC_UNLIMITED ? 0 : used);
        *strrchr(path, '/') = '\0';
    }
}

int mproc_limits_find_bound(int resource, uint64_t used, struct mproc_bound *ret_bound)
{
    struct mproc_bound bound = {.value = MPROC_UNLIMITED, .name = "no limit"};
    struct mproc_limit limit;
    int r = mproc_limits_get(0, resource, &limit);

    if (r)
        return r;
    if (resource != RLIMIT_NPROC || mproc_limits_nproc_binds())
        lower_to(&bound, name_of(resource), limit.soft, used);
    if (resource == RLIMIT_NOFILE)
        lower_to(&bound, "fs.nr_open", read_number("/proc/sys/fs/nr_open"), used);
    if (resource == RLIMIT_NPROC) {
        lower_to(&bound, "kernel.threads-max", read_number("/proc/sys/kernel/threads-max"), used);
        lower_to(&bound, "kernel.pid_max", read_number("/proc/sys/kernel/pid_max"), used);
        bound_by_cgroups(&bound);
    }
    *ret_bound = bound;
    return 0;
}

int mproc_limits_effective(int resource, uint64_t *ret_effective)
{
    struct mproc_bound bound;
    int r = mproc_limits_find_bound(resource, 0, &bound);

    if (r == 0)
        *ret_effective = bound.value;
    return r;
}
