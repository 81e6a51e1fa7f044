#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/limits.h>

#include "error_internal.h"
#include "limits_internal.h"
#include "process_internal.h"

enum {
    FDS_FOR_GUARD = 2,      /* the channel and the keeper's pidfd */
    FDS_WHILE_STARTING = 4, /* a reply, a large body, and what /proc takes to look */
    FDS_OF_WORKER = 4 + 3,  /* the standard ones, its owner's pidfd, and what the set-up takes for a moment */
    PROCESSES_FOR_GUARD = 2,
};

static uint64_t count_entries(const char *path,
                              bool (*counts)(int folder, const char *name, uint64_t *ret_weight))
{
    DIR *folder = opendir(path);
    uint64_t sum = 0, weight;

    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        weight = 1;
        if (isdigit((unsigned char)entry->d_name[0]) && counts(dirfd(folder), entry->d_name, &weight))
            sum += weight;
    }
    closedir(folder);
    return sum;
}

static bool is_fd(int folder, const char *name, uint64_t *ret_weight)
{
    (void)ret_weight;
    return atoi(name) != folder;
}

/* Threads count, as for the kernel: a folder in task has a link for each. */
static bool is_ours(int folder, const char *name, uint64_t *ret_weight)
{
    char path[64];
    struct stat status;

    snprintf(path, sizeof(path), "%.20s/task", name);
    if (fstatat(folder, path, &status, 0) || status.st_uid != getuid())
        return false;
    *ret_weight = status.st_nlink > 2 ? status.st_nlink - 2 : 1;
    return true;
}

/* How many descriptors a worker may have, when this process may have `own`: it starts with the limits of the
 * guard. */
static uint64_t fds_of_worker(uint64_t own)
{
    pid_t pids[MPROC_GUARDS];
    struct mproc_limit limit;
    uint64_t least = own;

    for (size_t i = mproc_context_get_guards(pids); i-- > 0;) {
        if (mproc_limits_get(pids[i], RLIMIT_NOFILE, &limit) == 0 && limit.soft < least)
            least = limit.soft;
    }
    return least;
}

static int check_fds(const struct mproc_need *need)
{
    uint64_t used = count_entries("/proc/self/fd", is_fd);
    uint64_t more = need->workers + need->fds + FDS_WHILE_STARTING + FDS_FOR_GUARD;
    struct mproc_limit limit;
    int r = mproc_limits_get(0, RLIMIT_NOFILE, &limit);

    if (r)
        return r;
    if (limit.soft < used + more && mproc_limits_raise(0, RLIMIT_NOFILE, used + more))
        return mproc_fail(-EMFILE,
                          "RLIMIT_NOFILE is %llu (hard limit %llu), and %u workers need %llu descriptors in "
                          "this process, of which "
                          "%llu are open; raise it (ulimit -n), or start fewer workers",
                          (unsigned long long)limit.soft, (unsigned long long)limit.hard, need->workers,
                          (unsigned long long)(used + more), (unsigned long long)used);
    uint64_t most = fds_of_worker(limit.soft);
    if (most < need->worker_fds + FDS_OF_WORKER)
        return mproc_fail(-EMFILE,
                          "RLIMIT_NOFILE is %llu, and each worker needs %llu descriptors; raise it before "
                          "the context is opened",
                          (unsigned long long)most, (unsigned long long)(need->worker_fds + FDS_OF_WORKER));
    return 0;
}

static int check_own_processes(const struct mproc_need *need, uint64_t used, uint64_t more)
{
    struct mproc_bound bound;
    int r = mproc_limits_find_bound(RLIMIT_NPROC, used, &bound);

    if (r || bound.value == MPROC_UNLIMITED ||
        (bound.used <= bound.value && more <= bound.value - bound.used))
        return r;
    /* The soft limit is ours to raise; the others are not. */
    if (mproc_limits_raise(0, RLIMIT_NPROC, used + more) == 0 &&
        mproc_limits_find_bound(RLIMIT_NPROC, used, &bound) == 0 && bound.used <= bound.value &&
        more <= bound.value - bound.used)
        return 0;
    return mproc_fail(-EAGAIN,
                      "%s is %llu, of which %llu are in use, and %u workers need %llu processes more; raise "
                      "it, or start fewer "
                      "workers",
                      bound.name, (unsigned long long)bound.value, (unsigned long long)bound.used,
                      need->workers, (unsigned long long)more);
}

/* It is the guard that forks them, by the limit that this process had when it opened its context. */
static int check_processes_of_guard(const struct mproc_need *need, uint64_t used, uint64_t more)
{
    pid_t pids[MPROC_GUARDS];
    size_t count = mproc_limits_nproc_binds() ? mproc_context_get_guards(pids) : 0;
    struct mproc_limit limit;

    for (size_t i = 0; i < count; i++) {
        /* One that has just ended counts no more, and one of another user cannot be looked at. */
        if (mproc_limits_get(pids[i], RLIMIT_NPROC, &limit) || limit.soft >= used + more ||
            mproc_limits_raise(pids[i], RLIMIT_NPROC, used + more) != -EPERM)
            continue;
        return mproc_fail(-EAGAIN,
                          "RLIMIT_NPROC of the guard is %llu (hard limit %llu), %llu are in use, and %u "
                          "workers need %llu processes more; raise it before the context is opened, or start "
                          "fewer workers",
                          (unsigned long long)limit.soft, (unsigned long long)limit.hard,
                          (unsigned long long)used, need->workers, (unsigned long long)more);
    }
    return 0;
}

static int check_processes(const struct mproc_need *need)
{
    uint64_t used = count_entries("/proc", is_ours);
    uint64_t more = need->workers + need->processes + PROCESSES_FOR_GUARD;
    int r = check_own_processes(need, used, more);

    return r ? r : check_processes_of_guard(need, used, more);
}

int mproc_limits_preflight(const struct mproc_need *need)
{
    int r = need ? check_fds(need) : mproc_fail(-EINVAL, "a NULL is no need");

    return r ? r : check_processes(need);
}
