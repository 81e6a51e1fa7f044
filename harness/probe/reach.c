#include "probe/reach.h"

#include <stdio.h>
#include <sys/stat.h>

/* The number of the namespace, or 0. */
static uint64_t ipc_namespace(pid_t pid)
{
    char path[64];
    struct stat stat_of;
    snprintf(path, sizeof(path), "/proc/%d/ns/ipc", pid);
    return stat(path, &stat_of) ? 0 : stat_of.st_ino;
}

static uint64_t device(const char *root, const char *path)
{
    char whole[96];
    struct stat stat_of;
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    return stat(whole, &stat_of) ? 0 : stat_of.st_dev;
}

void pf_probe_own(pid_t init, struct pf_probe_own *ret_own)
{
    char root[64];
    struct stat self;
    snprintf(root, sizeof(root), "/proc/%d/root", init);
    struct pf_probe_own own = {
        .ipc = ipc_namespace(init),
        .shm_device = device(root, "/dev/shm"),
    };
    if (stat("/proc/self/ns/ipc", &self) || self.st_ino == own.ipc)
        own.ipc = 0;
    /* A folder of the same file system, or one that is mounted elsewhere too, is not its own. */
    if (own.shm_device == device("", "/dev/shm") || own.shm_device == device("", "/dev") ||
        own.shm_device == device("", "/"))
        own.shm_device = 0;
    *ret_own = own;
}

bool pf_reach_own_device(const struct pf_survey *survey, uint64_t device_number)
{
    return device_number && device_number == survey->request->own.shm_device;
}

/* A process may have gone into a namespace that others share with it. */
static bool all_are_within(const struct pf_survey *survey)
{
    for (size_t i = 0; i < survey->request->process_count; i++) {
        const struct pf_site *site = &survey->sites[i];
        if (site->reader && ipc_namespace(site->reader) != survey->request->own.ipc)
            return false;
    }
    return true;
}

bool pf_reach_own_ipc(struct pf_survey *survey)
{
    if (!survey->ipc_read)
        survey->own_ipc = survey->request->own.ipc && all_are_within(survey);
    survey->ipc_read = true;
    return survey->own_ipc;
}

void pf_object_set_named(struct pf_object *object, bool own, const char *why)
{
    if (own) {
        object->named = true;
        return;
    }
    bool only = !object->external || object->by_name;
    pf_object_set_external(object, why);
    object->by_name = only;
}
