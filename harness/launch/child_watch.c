/*
 * Whether a trial has left its containment as it found it, so that the next can have it. After fork, so
 * async-signal-safe.
 *
 * What lives in the namespaces without belonging to a process: mounts, IPC objects, files of the layers and
 * of /dev/shm, settings in /proc/sys, the count of pids; and what a root inherits from the init. Mounts,
 * files and settings are watched for changes: the harness has the descriptors, too, and asks the init only
 * where there are any. What nobody can watch (the next ids of IPC objects, the init's limits and priorities)
 * is changed by few calls, and the filter tells the harness of these (filter.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include "launch/child.h"

static const uint32_t WRITES = IN_MODIFY | IN_ATTRIB;
static const uint32_t NAMES = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB;

enum changed { CHANGED_NOTHING, CHANGED_SHM, CHANGED_MORE };

/* Reads what has happened since it was read. A read that leaves room for one more has read all. */
static enum changed read_changes(const struct pf_child_watch *watch)
{
    enum { LARGEST = sizeof(struct inotify_event) + NAME_MAX + 1 };
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    enum changed changed = CHANGED_NOTHING;
    ssize_t size;
    do {
        size = read(watch->changes, events, sizeof(events));
        if (size < 0)
            return errno == EAGAIN ? changed : CHANGED_MORE;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
            if (event->wd != watch->shm)
                changed = CHANGED_MORE;
            else if (changed == CHANGED_NOTHING)
                changed = CHANGED_SHM;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    } while (size > (ssize_t)sizeof(events) - LARGEST);
    return changed;
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

void pf_child_watch_begin(struct pf_child_place *place, struct pf_child_watch *ret_watch)
{
    struct pf_child_watch *watch = ret_watch;
    struct pf_child_report *report = &place->sheet->report;
    *watch = (struct pf_child_watch){.next_pid = -1, .mounts = -1, .changes = -1};
    /* The kernel takes ten milliseconds to end the watches of a process that ends. */
    if (place->watched)
        watch->next_pid = pf_child_keep(place, open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC));
    if (watch->next_pid >= 0)
        watch->mounts = pf_child_keep(place, open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    if (watch->mounts >= 0) {
        (void)mounts_moved(watch->mounts);
        watch->changes = watch_changes(place, &watch->shm);
    }
    place->watched = report->watched = watch->changes >= 0;
    report->mounts_fd = watch->mounts;
    report->changes_fd = watch->changes;
}

/* To begin with pid 2 again is a change of a setting. */
void pf_child_watch_root(const struct pf_child_place *place, struct pf_child_watch *watch)
{
    if (!place->watched)
        return;
    watch->blind |= pwrite(watch->next_pid, "1", 1, 0) != 1;
    (void)read_changes(watch);
    place->sheet->report.blind = watch->blind;
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
    if (!place->watched || watch->blind || left_ipc(&place->sheet->report) || mounts_moved(watch->mounts))
        return false;
    enum changed changed = read_changes(watch);
    return changed == CHANGED_NOTHING || (changed == CHANGED_SHM && renew_shm(watch, &place->sheet->report));
}
