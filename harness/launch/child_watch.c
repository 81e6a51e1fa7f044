/*
 * Whether a trial has left its containment as it found it, so that the next can have it; asked by the init
 * between the two. After fork, so async-signal-safe.
 *
 * What lives in the namespaces without belonging to a process: mounts, IPC objects, files of the layers and
 * of /dev/shm, settings in /proc/sys, the count of pids; and what a root inherits from the init. Mounts,
 * files and settings are watched for changes; the rest is compared. IPC objects that were made and removed
 * have moved on the count of their ids, and few other calls change what nobody can watch: the filter tells
 * the harness of these (filter.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/child.h"

enum { IOPRIO_WHO_PROCESS = 1 };

static const uint32_t WRITES = IN_MODIFY | IN_ATTRIB;
static const uint32_t NAMES = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB;

/* What a root inherits, and anybody in the namespace may change from outside of the init. */
static void take_inherited(struct pf_child_watch *watch)
{
    for (int resource = 0; resource < RLIM_NLIMITS; resource++)
        getrlimit((__rlimit_resource_t)resource, &watch->limits[resource]);
    syscall(SYS_sched_getaffinity, 0, sizeof(watch->affinity), watch->affinity);
    watch->nice = getpriority(PRIO_PROCESS, 0);
    watch->policy = sched_getscheduler(0);
    watch->io_priority = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
}

static bool inherits_the_same(const struct pf_child_watch *watch)
{
    struct pf_child_watch now = {0};
    take_inherited(&now);
    return memcmp(now.limits, watch->limits, sizeof(now.limits)) == 0 &&
           memcmp(now.affinity, watch->affinity, sizeof(now.affinity)) == 0 && now.nice == watch->nice &&
           now.policy == watch->policy && now.io_priority == watch->io_priority;
}

enum changed { CHANGED_NOTHING, CHANGED_SHM, CHANGED_MORE };

/* Reads what has happened since it was read. */
static enum changed read_changes(const struct pf_child_watch *watch)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    enum changed changed = CHANGED_NOTHING;
    for (ssize_t size; (size = read(watch->changes, events, sizeof(events))) > 0;)
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
            if (event->wd != watch->shm)
                changed = CHANGED_MORE;
            else if (changed == CHANGED_NOTHING)
                changed = CHANGED_SHM;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    return errno == EAGAIN ? changed : CHANGED_MORE;
}

static bool mounts_moved(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLPRI};
    return poll(&polled, 1, 0) != 0;
}

static bool watch_layers(const struct pf_child_place *place, int changes)
{
    char path[PF_CHILD_PATH], rest[8] = "/";
    bool watched = true;
    for (size_t i = 0; i < place->layer_count; i++) {
        stpcpy(rest + 1, place->layers[i].upper);
        pf_child_fd_path(path, place->sheet->report.layers_fd, rest);
        watched &= inotify_add_watch(changes, path, NAMES) >= 0;
    }
    return watched;
}

static int watch_changes(const struct pf_child_place *place, int *ret_shm)
{
    int changes = pf_child_keep(place, inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (changes < 0)
        return -1;
    bool watched = inotify_add_watch(changes, "/proc/sys/kernel", WRITES) >= 0 &&
                   inotify_add_watch(changes, "/proc/sys/user", WRITES) >= 0 &&
                   inotify_add_watch(changes, "/proc/1", WRITES) >= 0;
    if (inotify_add_watch(changes, "/proc/sys/fs/mqueue", WRITES) < 0)
        watched &= errno == ENOENT;
    *ret_shm = place->own_shm ? inotify_add_watch(changes, "/dev/shm", NAMES) : 0;
    if (*ret_shm < 0)
        watched &= errno == ENOENT;
    if (watched && watch_layers(place, changes))
        return changes;
    close(changes);
    return -1;
}

void pf_child_watch_begin(const struct pf_child_place *place, struct pf_child_watch *ret_watch)
{
    struct pf_child_watch *watch = ret_watch;
    memset(watch, 0, sizeof(*watch));
    watch->next_pid = watch->mounts = watch->changes = -1;
    /* The kernel takes ten milliseconds to end the watches of a process that ends. */
    if (!place->watched)
        return;
    take_inherited(watch);
    watch->next_pid = pf_child_keep(place, open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC));
    watch->mounts = pf_child_keep(place, open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    watch->changes = watch_changes(place, &watch->shm);
    if (watch->mounts >= 0)
        (void)mounts_moved(watch->mounts);
}

/* To begin with pid 2 again is a change of a setting. */
void pf_child_watch_root(struct pf_child_watch *watch)
{
    if (watch->next_pid < 0 || watch->changes < 0)
        return;
    if (pwrite(watch->next_pid, "1", 1, 0) != 1) {
        close(watch->next_pid);
        watch->next_pid = -1;
    }
    (void)read_changes(watch);
}

/* What was in it goes, and with it the count of its inodes. */
static bool renew_shm(struct pf_child_watch *watch, struct pf_child_report *report)
{
    if (umount2("/dev/shm", MNT_DETACH) < 0 || pf_child_mount_shm() < 0)
        return false;
    report->shm_mounts++;
    (void)mounts_moved(watch->mounts);
    (void)read_changes(watch);
    watch->shm = inotify_add_watch(watch->changes, "/dev/shm", NAMES);
    return watch->shm >= 0;
}

static bool left_ipc(const struct pf_child_report *report)
{
    for (size_t i = 0; i < report->left_count && i < PF_LEFT_MAX; i++)
        if (report->left[i].kind != PF_LEFT_SHM && report->left[i].kind != PF_LEFT_NAMED_SEMAPHORE)
            return true;
    return report->left_count > PF_LEFT_MAX;
}

bool pf_child_watch_end(const struct pf_child_place *place, struct pf_child_watch *watch)
{
    if (watch->next_pid < 0 || watch->mounts < 0 || watch->changes < 0 || left_ipc(&place->sheet->report) ||
        mounts_moved(watch->mounts) || !inherits_the_same(watch))
        return false;
    enum changed changed = read_changes(watch);
    return changed == CHANGED_NOTHING || (changed == CHANGED_SHM && renew_shm(watch, &place->sheet->report));
}
