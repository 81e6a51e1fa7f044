/* Opening a FIFO waits for the other end to be opened; opening anything else is not read. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe/calls.h"
#include "probe/objects.h"
#include "probe/reach.h"

/* Reads a path piece by piece: what lies behind its end may not be mapped. */
static bool read_path(struct pf_blocked *blocked, uint64_t address, char *path)
{
    enum { STEP = 64 };
    for (size_t length = 0; length < PATH_MAX;) {
        size_t size = STEP - (address + length) % STEP;
        if (!pf_blocked_memory(blocked, address + length, path + length, size))
            return false;
        if (memchr(path + length, '\0', size))
            return true;
        length += size;
    }
    pf_wait_set_unknown(blocked, "opening a path without an end");
    return false;
}

/* Looks the path up as the waiter does: from its root, and its directory. Returns 0 or -errno. */
static int look_up(struct pf_blocked *blocked, int directory, const char *path, struct statx *ret_stat)
{
    char link[64], from[PATH_MAX] = "", whole[2 * PATH_MAX];
    pid_t pid = blocked->thread->tid;
    if (path[0] != '/') {
        if (directory == AT_FDCWD)
            snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
        else
            snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, directory);
        ssize_t length = readlink(link, from, sizeof(from) - 1);
        if (length < 0)
            return -errno;
        from[length] = '\0';
    }
    snprintf(whole, sizeof(whole), "%s/%s", from, path);
    snprintf(link, sizeof(link), "/proc/%d/root", pid);
    int root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    int file = (int)syscall(SYS_openat2, root, whole, &how, sizeof(how));
    int code = file < 0 ? -errno : 0;
    if (!code &&
        statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_NLINK, ret_stat))
        code = -errno;
    if (file >= 0)
        close(file);
    close(root);
    return code;
}

static void decode(struct pf_blocked *blocked, int directory, uint64_t address, uint64_t flags)
{
    char path[PATH_MAX + 64];
    struct statx stat;
    if (!read_path(blocked, address, path))
        return;
    int code = look_up(blocked, directory, path, &stat);
    if (code || !S_ISFIFO(stat.stx_mode)) {
        pf_wait_set_unknown(blocked, "opening %.200s", path);
        return;
    }
    struct pf_fd sample = {
        .kind = PF_OBJECT_FIFO,
        .device = makedev(stat.stx_dev_major, stat.stx_dev_minor),
        .inode = stat.stx_ino,
    };
    const char *id = pf_fd_id(blocked->survey->arena, &sample);
    struct pf_object *object = pf_survey_object(blocked->survey, id);
    if (!object) {
        object = pf_survey_add(blocked->survey, PF_OBJECT_FIFO, id);
        object->path = pf_arena_strdup(blocked->survey->arena, path);
        pf_object_add_holders(blocked->survey, object, blocked->site, &sample);
        pf_object_set_named(object, pf_reach_own_device(blocked->survey, sample.device),
                            "anybody may open it by its name");
    }
    struct pf_target *target = pf_wait_add_target(blocked, id, -1);
    target->writable = (flags & O_ACCMODE) == O_WRONLY;
    target->readable = !target->writable;
}

void pf_decode_open(struct pf_blocked *blocked)
{
    const uint64_t *args = blocked->call->args;
    decode(blocked, AT_FDCWD, args[0], args[1]);
}

void pf_decode_creat(struct pf_blocked *blocked)
{
    decode(blocked, AT_FDCWD, blocked->call->args[0], O_WRONLY);
}

void pf_decode_openat(struct pf_blocked *blocked)
{
    const uint64_t *args = blocked->call->args;
    uint64_t flags = args[2];
    if (blocked->call->number == SYS_openat2 && !pf_blocked_memory(blocked, args[2], &flags, sizeof(flags)))
        return;
    decode(blocked, (int)args[0], args[1], flags);
}
