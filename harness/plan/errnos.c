#include "plan/errnos.h"

#include <string.h>

#define READS    .blocks = true, .transfers = true, .file = "EIO", .socket = "ECONNRESET"
#define RECEIVES .blocks = true, .socket = "ECONNRESET"
#define WRITES                                                                                               \
    .blocks = true, .transfers = true, .file = "ENOSPC EIO", .pipe = "EPIPE", .socket = "EPIPE ECONNRESET"
#define SENDS       .blocks = true, .transfers = true, .socket = "EPIPE ECONNRESET ENOBUFS"
#define OPENS       .makes_fd = true, .any = "EMFILE EACCES"
#define MAKES_FD    .makes_fd = true, .any = "EMFILE"
#define FORKS       .makes_process = true, .any = "EAGAIN ENOMEM"
#define WAITS       .blocks = true
#define CHANGES_DIR .any = "ENOSPC EACCES"

/*
 * Left out on purpose: close, because a close that fails closes all the same, which an injected error does
 * not; brk, which has no errno of its own; nanosleep, whose EINTR comes with a remaining time; and what
 * fails only by mistake (stat, lseek, ioctl, sigaction, …).
 */
const struct pf_call_profile pf_call_profiles[] = {
    {"read", READS},
    {"pread64", READS},
    {"readv", READS},
    {"preadv", READS},
    {"preadv2", READS},
    {"write", WRITES},
    {"pwrite64", WRITES},
    {"writev", WRITES},
    {"pwritev", WRITES},
    {"pwritev2", WRITES},
    {"recvfrom", RECEIVES, .transfers = true},
    {"recvmsg", RECEIVES},
    {"recvmmsg", RECEIVES},
    {"sendto", SENDS},
    {"sendmsg", SENDS},
    {"sendmmsg", .blocks = true, .socket = "EPIPE ECONNRESET ENOBUFS"},
    {"sendfile", .blocks = true, .transfers = true, .any = "EIO", .file = "ENOSPC", .pipe = "EPIPE",
     .socket = "EPIPE ECONNRESET"},
    {"copy_file_range", .any = "EIO ENOSPC"},
    {"splice", .blocks = true, .any = "ENOMEM"},
    {"tee", .blocks = true, .any = "ENOMEM"},
    {"getdents64", .any = "EIO"},
    {"open", OPENS},
    {"openat", OPENS},
    {"openat2", OPENS},
    {"creat", OPENS},
    {"fsync", .any = "EIO ENOSPC"},
    {"fdatasync", .any = "EIO ENOSPC"},
    {"ftruncate", .file = "ENOSPC EIO"},
    {"fallocate", .file = "ENOSPC"},
    {"dup", MAKES_FD},
    {"dup3", .makes_fd = true},
    {"pipe", MAKES_FD},
    {"pipe2", MAKES_FD},
    {"socketpair", MAKES_FD},
    {"socket", MAKES_FD},
    {"accept", .blocks = true, .makes_fd = true, .any = "EMFILE ECONNABORTED"},
    {"accept4", .blocks = true, .makes_fd = true, .any = "EMFILE ECONNABORTED"},
    {"connect", .blocks = true, .any = "ECONNREFUSED ETIMEDOUT"},
    {"bind", .any = "EADDRINUSE"},
    {"listen", .any = "EADDRINUSE"},
    {"eventfd2", MAKES_FD},
    {"epoll_create1", MAKES_FD},
    {"signalfd4", MAKES_FD},
    {"timerfd_create", MAKES_FD},
    {"inotify_init1", MAKES_FD},
    {"memfd_create", MAKES_FD},
    {"pidfd_open", MAKES_FD},
    {"fork", FORKS},
    {"vfork", FORKS},
    {"clone", FORKS},
    {"clone3", FORKS},
    {"execve", .any = "ENOMEM EACCES"},
    {"execveat", .any = "ENOMEM EACCES"},
    {"mmap", .any = "ENOMEM"},
    {"mremap", .any = "ENOMEM"},
    {"mprotect", .any = "ENOMEM"},
    {"wait4", WAITS},
    {"waitid", WAITS},
    {"poll", WAITS},
    {"ppoll", WAITS},
    {"select", WAITS},
    {"pselect6", WAITS},
    {"epoll_wait", WAITS},
    {"epoll_pwait", WAITS},
    {"epoll_pwait2", WAITS},
    {"futex", .contention = true},
    {"flock", .blocks = true, .any = "ENOLCK"},
    {"semget", .any = "ENOSPC"},
    {"semop", .blocks = true, .any = "EIDRM"},
    {"semtimedop", .blocks = true, .any = "EIDRM"},
    {"shmget", .any = "ENOSPC ENOMEM"},
    {"shmat", .any = "ENOMEM"},
    {"msgget", .any = "ENOSPC"},
    {"msgsnd", .blocks = true, .any = "EIDRM"},
    {"msgrcv", .blocks = true, .any = "EIDRM"},
    {"mq_open", .makes_fd = true, .any = "EMFILE ENOSPC"},
    {"mq_timedsend", WAITS},
    {"mq_timedreceive", WAITS},
    {"rename", CHANGES_DIR},
    {"renameat", CHANGES_DIR},
    {"renameat2", CHANGES_DIR},
    {"link", CHANGES_DIR},
    {"linkat", CHANGES_DIR},
    {"symlink", CHANGES_DIR},
    {"symlinkat", CHANGES_DIR},
    {"mkdir", CHANGES_DIR},
    {"mkdirat", CHANGES_DIR},
    {"unlink", .any = "EACCES"},
    {"unlinkat", .any = "EACCES"},
    {"chmod", .any = "EPERM"},
    {"fchmod", .any = "EPERM"},
    {"fchmodat", .any = "EPERM"},
    {"chown", .any = "EPERM"},
    {"fchown", .any = "EPERM"},
    {"fchownat", .any = "EPERM"},
    {"utimensat", .any = "EPERM"},
};
const size_t pf_call_profile_count = sizeof(pf_call_profiles) / sizeof(pf_call_profiles[0]);

const struct pf_call_profile *pf_call_profile_find(const char *call)
{
    for (size_t i = 0; i < pf_call_profile_count; i++)
        if (strcmp(pf_call_profiles[i].call, call) == 0)
            return &pf_call_profiles[i];
    return NULL;
}

const char *pf_call_profile_errnos(const struct pf_call_profile *profile, const char *on)
{
    if (!on)
        return NULL;
    if (strcmp(on, "file") == 0)
        return profile->file;
    if (strcmp(on, "pipe") == 0)
        return profile->pipe;
    return strcmp(on, "socket") == 0 || strcmp(on, "message socket") == 0 ? profile->socket : NULL;
}
