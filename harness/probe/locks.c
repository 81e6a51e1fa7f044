/*
 * File locks: flock, and the record locks of fcntl, owned by a process (posix) or an open file (ofd).
 *
 * Who has one is written in two places. /proc/locks lists all of the machine, by the process that made them;
 * fdinfo lists those of each open file, which is what tells who holds a lock that several processes share.
 *
 * Both name a file by the device of its file system and the number that this gives it inside the kernel.
 * Where a file system consists of others (overlays, subvolumes of btrfs), fstat may say something else; what
 * the kernel means stands in fdinfo and in the list of mounts.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>

#include "probe/calls.h"
#include "probe/objects.h"

struct pf_lock_line {
    char type[8]; /* FLOCK POSIX OFDLCK */
    bool waits;   /* not granted */
    bool exclusive;
    pid_t pid;
    unsigned major, minor;
    uint64_t inode;
    uint64_t begin, end; /* both included; the end may be UINT64_MAX */
};

/* "1: POSIX  ADVISORY  WRITE 4711 08:01:99 0 EOF", with "->" before the type of one that waits. */
static bool parse_line(const char *text, struct pf_lock_line *ret_line)
{
    struct pf_lock_line line = {0};
    char mode[8], end[24];
    const char *type = strchr(text, ':');
    if (!type)
        return false;
    type += 1 + strspn(type + 1, " ");
    line.waits = strncmp(type, "->", 2) == 0;
    if (line.waits)
        type += 2;
    if (sscanf(type, " %7s %*s %7s %d %x:%x:%" SCNu64 " %" SCNu64 " %23s", line.type, mode, &line.pid,
               &line.major, &line.minor, &line.inode, &line.begin, end) != 8)
        return false;
    line.exclusive = strcmp(mode, "WRITE") == 0;
    if (strcmp(end, "EOF") == 0)
        line.end = UINT64_MAX;
    else
        sscanf(end, "%" SCNu64, &line.end);
    *ret_line = line;
    return true;
}

static bool read_lines(struct pf_survey *survey)
{
    if (survey->locks_read)
        return true;
    char *text;
    int code = pf_proc_read_all("/proc/locks", survey->arena, &text);
    if (code) {
        pf_survey_unknown(survey, "/proc/locks cannot be read: %s", strerror(-code));
        return false;
    }
    survey->locks_read = true;
    for (char *line = text; line && *line;) {
        struct pf_lock_line parsed;
        if (parse_line(line, &parsed)) {
            struct pf_lock_line *slot =
                pf_arena_grow(survey->arena, &survey->lock_lines, &survey->lock_line_count, sizeof(*slot));
            *slot = parsed;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return true;
}

static const char *type_name(const char *type)
{
    if (strcmp(type, "FLOCK") == 0)
        return "flock";
    return strcmp(type, "POSIX") == 0 ? "posix" : "ofd";
}

static bool same_lock(const struct pf_lock_line *a, const struct pf_lock_line *b)
{
    return strcmp(a->type, b->type) == 0 && a->exclusive == b->exclusive && a->pid == b->pid &&
           a->major == b->major && a->minor == b->minor && a->inode == b->inode && a->begin == b->begin &&
           a->end == b->end;
}

/* An flock belongs to the open file: who carries it need not be the one that took it. */
static bool is_inherited(struct pf_survey *survey, const struct pf_lock_line *line, const char *process)
{
    const struct pf_site *taker = pf_survey_site(survey, line->pid);
    return strcmp(line->type, "FLOCK") == 0 && process &&
           (!taker || strcmp(taker->process->address, process) != 0);
}

static void add_lock(struct pf_survey *survey, struct pf_object *object, const struct pf_lock_line *line,
                     const char *process)
{
    const char *type = type_name(line->type);
    for (size_t i = 0; i < object->lock_count; i++) {
        const struct pf_file_lock *known = &object->locks[i];
        bool same_process =
            process ? known->process && strcmp(known->process, process) == 0 : known->process == NULL;
        if (same_process && strcmp(known->type, type) == 0 && known->exclusive == line->exclusive)
            return;
    }
    struct pf_file_lock *lock =
        pf_arena_grow(survey->arena, &object->locks, &object->lock_count, sizeof(*lock));
    *lock = (struct pf_file_lock){.type = type,
                                  .exclusive = line->exclusive,
                                  .inherited = is_inherited(survey, line, process),
                                  .process = process};
    if (!process)
        pf_object_set_external(object, "a process outside the tree has a lock on it");
}

/* The processes of the tree that have that lock, by the descriptors that carry it: each lists it in full. */
static bool add_carriers(struct pf_survey *survey, struct pf_object *object, const struct pf_lock_line *line)
{
    bool found = false;
    for (size_t i = 0; i < survey->request->process_count; i++) {
        struct pf_site *site = &survey->sites[i];
        for (size_t k = 0; k < site->fd_count; k++) {
            struct pf_fd *fd = &site->fds[k];
            if (fd->kind != PF_OBJECT_FILE)
                continue;
            const char *text = pf_fd_info(survey, site, fd);
            while ((text = strstr(text, "lock:"))) {
                struct pf_lock_line carried;
                text += strlen("lock:");
                if (!parse_line(text, &carried) || !same_lock(&carried, line))
                    continue;
                add_lock(survey, object, line, site->process->address);
                found = true;
            }
        }
    }
    return found;
}

/* Whether the lock is in the way of the wanted one. */
static bool conflicts(const struct pf_lock_line *held, const struct pf_lock_line *wanted, pid_t pid)
{
    bool flock_held = strcmp(held->type, "FLOCK") == 0, flock_wanted = strcmp(wanted->type, "FLOCK") == 0;
    if (flock_held != flock_wanted || (!held->exclusive && !wanted->exclusive))
        return false;
    if (strcmp(held->type, "POSIX") == 0 && strcmp(wanted->type, "POSIX") == 0 && held->pid == pid)
        return false; /* never in its own way */
    return flock_held || (held->begin <= wanted->end && wanted->begin <= held->end);
}

/* The device of a mount, as the process has it: "36 35 98:0 /root /where …". */
static bool find_mount(struct pf_survey *survey, struct pf_site *site, int64_t mount,
                       struct pf_lock_line *line)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mountinfo", site->reader);
    if (!site->mounts && pf_proc_read_all(path, survey->arena, &site->mounts))
        return false;
    for (const char *text = site->mounts; text && *text;) {
        int64_t number;
        unsigned major, minor;
        if (sscanf(text, "%" SCNd64 " %*d %u:%u", &number, &major, &minor) == 3 && number == mount) {
            line->major = major;
            line->minor = minor;
            return true;
        }
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return false;
}

/* Names the file of a descriptor as lines of locks do. */
static void set_file(struct pf_survey *survey, struct pf_site *site, struct pf_fd *fd,
                     struct pf_lock_line *line)
{
    int64_t mount, inode;
    const char *info = pf_fd_info(survey, site, fd);
    line->major = major(fd->device);
    line->minor = minor(fd->device);
    line->inode = fd->inode;
    /* A kernel that does not tell the inode (before 5.14), or a mount that the process does not see. */
    if (pf_fd_info_number(info, "mnt_id:", 10, &mount) && pf_fd_info_number(info, "ino:", 10, &inode) &&
        find_mount(survey, site, mount, line))
        line->inode = (uint64_t)inode;
}

static void decode_lock(struct pf_blocked *blocked, struct pf_lock_line *wanted)
{
    struct pf_survey *survey = blocked->survey;
    int number = (int)blocked->call->args[0];
    struct pf_fd *fd = pf_site_fd(survey, blocked->site, number);
    if (!fd || fd->kind != PF_OBJECT_FILE || !read_lines(survey)) {
        pf_wait_set_unknown(blocked, "a lock on descriptor %d, which cannot be read", number);
        return;
    }
    struct pf_object *object = pf_object_of_fd(survey, blocked->site, fd);
    set_file(survey, blocked->site, fd, wanted);
    size_t holders = 0;
    for (size_t i = 0; i < survey->lock_line_count; i++) {
        const struct pf_lock_line *line = &survey->lock_lines[i];
        if (line->waits || line->inode != wanted->inode || line->major != wanted->major ||
            line->minor != wanted->minor || !conflicts(line, wanted, blocked->thread->pid))
            continue;
        holders++;
        const struct pf_site *maker = pf_survey_site(survey, line->pid);
        if (add_carriers(survey, object, line))
            continue;
        add_lock(survey, object, line,
                 strcmp(line->type, "POSIX") == 0 && maker ? maker->process->address : NULL);
    }
    if (holders == 0) {
        pf_wait_set_unknown(blocked, "a lock on %s that nobody seems to have", fd->link);
        return;
    }
    pf_wait_add_target(blocked, object->id, number);
}

void pf_decode_flock(struct pf_blocked *blocked)
{
    struct pf_lock_line wanted = {.type = "FLOCK", .exclusive = blocked->call->args[1] & LOCK_EX};
    decode_lock(blocked, &wanted);
}

/* The range that a struct flock means; all of the file when it cannot be known. */
static void set_range(const struct flock *lock, struct pf_lock_line *wanted)
{
    wanted->begin = 0;
    wanted->end = UINT64_MAX;
    if (lock->l_whence != SEEK_SET || lock->l_start < 0 || lock->l_len < 0)
        return;
    wanted->begin = (uint64_t)lock->l_start;
    if (lock->l_len > 0)
        wanted->end = (uint64_t)(lock->l_start + lock->l_len - 1);
}

void pf_decode_fcntl(struct pf_blocked *blocked)
{
    int command = (int)blocked->call->args[1];
    struct flock lock;
    if (command != F_SETLKW && command != F_OFD_SETLKW) {
        pf_wait_set_unknown(blocked, "blocked in fcntl command %d", command);
        return;
    }
    if (!pf_blocked_memory(blocked, blocked->call->args[2], &lock, sizeof(lock)))
        return;
    struct pf_lock_line wanted = {.exclusive = lock.l_type == F_WRLCK};
    strcpy(wanted.type, command == F_SETLKW ? "POSIX" : "OFDLCK");
    set_range(&lock, &wanted);
    decode_lock(blocked, &wanted);
}
