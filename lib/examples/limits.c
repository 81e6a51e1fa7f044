/*
 * Knows before anything starts whether the limits suffice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <mproc/error.h>
#include <mproc/limits.h>

int main(void)
{
    const struct mproc_need modest = {.workers = 4, .fds = 10};
    const struct mproc_need immodest = {.workers = 4, .fds = UINT64_C(1) << 40};
    struct mproc_limit limit;

    if (mproc_limits_lower(0, RLIMIT_NOFILE, 16) || mproc_limits_preflight(&modest) ||
        mproc_limits_get(0, RLIMIT_NOFILE, &limit))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    printf("for a few workers the soft limit was raised: %s\n", limit.soft > 16 ? "yes" : "no");
    int r = mproc_limits_preflight(&immodest);
    printf("for too many descriptors there is no room: %s\n", r == -EMFILE ? "told before" : "not told");
    if (limit.soft <= 16 || r != -EMFILE || !strstr(mproc_error_detail(), "RLIMIT_NOFILE"))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
