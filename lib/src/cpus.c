#include "cpus.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error_internal.h"

/* Those of the calling thread. Returns how many bytes the kernel's sets have, or a negative errno. */
static long get_own(struct mproc_cpus *ret_cpus)
{
    long len = syscall(SYS_sched_getaffinity, 0, sizeof(ret_cpus->sets), ret_cpus->sets);

    return len < 0 ? -errno : len;
}

int mproc_cpus_choose(const int *list, size_t count, struct mproc_cpus *ret_cpus)
{
    struct mproc_cpus cpus = {.len = 0};

    if (count == 0) {
        ret_cpus->len = 0;
        return 0;
    }
    if (!list)
        return mproc_fail(-EINVAL, "%zu CPUs at NULL", count);
    /* A bit beyond those that its sets have the kernel would pass over in silence. */
    long len = get_own(&cpus);
    if (len < 0)
        return mproc_fail((int)len, "the CPUs of this system are not known: %s", strerrordesc_np((int)-len));
    memset(cpus.sets, 0, sizeof(cpus.sets));
    for (size_t i = 0; i < count; i++) {
        if (list[i] < 0 || list[i] >= 8 * len)
            return mproc_fail(-EINVAL, "cpus[%zu] is %d: this system has no such CPU", i, list[i]);
        CPU_SET_S((size_t)list[i], sizeof(cpus.sets), cpus.sets);
    }
    cpus.len = (size_t)len;
    *ret_cpus = cpus;
    return 0;
}

static bool has(const struct mproc_cpus *cpus, size_t cpu)
{
    return CPU_ISSET_S(cpu, sizeof(cpus->sets), cpus->sets);
}

int mproc_cpus_set(const void *bytes, size_t len)
{
    struct mproc_cpus asked = {.len = len}, had = {.len = 0};

    if (len > sizeof(asked.sets))
        return mproc_fail(-EINVAL, "a set of %zu bytes", len);
    memcpy(asked.sets, bytes, len);
    int err = sched_setaffinity(0, len, asked.sets) ? -errno : 0;
    /* Of CPUs that it cannot run on the kernel takes no notice as long as one is left. */
    if ((err == 0 || err == -EINVAL) && get_own(&had) >= 0) {
        for (size_t cpu = 0; cpu < 8 * len; cpu++) {
            if (has(&asked, cpu) && !has(&had, cpu))
                return mproc_fail(-EINVAL, "it cannot run on CPU %zu: there is none, or it may not", cpu);
        }
    }
    return err ? mproc_fail(err, "%s", strerrordesc_np(-err)) : 0;
}
