/*
 * What the tree has left behind in its own IPC namespace and /dev/shm, looked up by the init when its last
 * child has gone: nobody else can see it. After fork, so async-signal-safe.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/child.h"

union semaphore_argument {
    struct semid_ds *buffer;
    struct seminfo *info;
};

static struct pf_left *add(struct pf_child_report *report, enum pf_left_kind kind)
{
    if (report->left_count++ >= PF_LEFT_MAX)
        return NULL;
    struct pf_left *left = &report->left[report->left_count - 1];
    left->kind = kind;
    return left;
}

static void look_for_segments(struct pf_child_report *report)
{
    struct shm_info info;
    struct shmid_ds segment;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
    for (int i = 0; info.used_ids > 0 && i <= last; i++) {
        int id = shmctl(i, SHM_STAT, &segment);
        struct pf_left *left = id >= 0 ? add(report, PF_LEFT_SEGMENT) : NULL;
        if (left) {
            left->id = id;
            left->key = segment.shm_perm.__key;
            left->size = segment.shm_segsz;
            left->maker = segment.shm_cpid;
        }
    }
}

static void look_for_semaphores(struct pf_child_report *report)
{
    struct seminfo info;
    struct semid_ds set;
    int last = semctl(0, 0, SEM_INFO, (union semaphore_argument){.info = &info});
    for (int i = 0; info.semusz > 0 && i <= last; i++) {
        int id = semctl(i, 0, SEM_STAT, (union semaphore_argument){.buffer = &set});
        struct pf_left *left = id >= 0 ? add(report, PF_LEFT_SEMAPHORES) : NULL;
        if (left) {
            left->id = id;
            left->key = set.sem_perm.__key;
            left->size = set.sem_nsems;
        }
    }
}

static void look_for_queues(struct pf_child_report *report)
{
    struct msginfo info;
    struct msqid_ds queue;
    int last = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info);
    for (int i = 0; info.msgpool > 0 && i <= last; i++) {
        int id = msgctl(i, MSG_STAT, &queue);
        struct pf_left *left = id >= 0 ? add(report, PF_LEFT_QUEUE) : NULL;
        if (left) {
            left->id = id;
            left->key = queue.msg_perm.__key;
            left->size = queue.__msg_cbytes;
        }
    }
}

static void take_name(struct pf_child_report *report, int directory, const char *name, enum pf_left_kind kind)
{
    struct stat status;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    if (kind == PF_LEFT_SHM && strncmp(name, "sem.", 4) == 0)
        kind = PF_LEFT_NAMED_SEMAPHORE;
    struct pf_left *left = add(report, kind);
    if (!left)
        return;
    const char *known_as = name + (kind == PF_LEFT_NAMED_SEMAPHORE ? strlen("sem.") : 0);
    memcpy(left->name, known_as, strnlen(known_as, sizeof(left->name) - 1));
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        left->size = (uint64_t)status.st_size;
}

/* Whether something is mounted on /dev/mqueue or not, the queues are there. */
int pf_child_open_queues(const struct pf_child_place *place)
{
    int context = fsopen("mqueue", FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    int mounted =
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -1 : fsmount(context, FSMOUNT_CLOEXEC, 0);
    close(context);
    int directory = mounted < 0 ? -1 : openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mounted >= 0)
        close(mounted);
    return pf_child_keep(place, directory);
}

static void look_into(struct pf_child_report *report, int directory, enum pf_left_kind kind)
{
    char names[4096] __attribute__((aligned(__alignof__(struct dirent64))));
    if (directory < 0 || lseek(directory, 0, SEEK_SET) < 0)
        return;
    for (long size; (size = syscall(SYS_getdents64, directory, names, sizeof(names))) > 0;)
        for (long at = 0; at < size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(names + at);
            take_name(report, directory, entry->d_name, kind);
            at += entry->d_reclen;
        }
}

void pf_child_look_at_left(const struct pf_child_place *place)
{
    struct pf_child_report *report = &place->sheet->report;
    if (place->own_ipc) {
        look_for_segments(report);
        look_for_semaphores(report);
        look_for_queues(report);
        look_into(report, place->queues, PF_LEFT_MQUEUE);
    }
    int shm = place->own_shm ? open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    look_into(report, shm, PF_LEFT_SHM);
    if (shm >= 0)
        close(shm);
}
