#include "model/signature.h"

#include <asm/unistd.h> /* numbers only */
#include <stddef.h>

#define FD(n) (1U << ((n)-1))

static const struct pf_signature signatures[] = {
    [__NR_read] = {.fds = FD(1), .bytes = 3},
    [__NR_write] = {.fds = FD(1), .bytes = 3},
    [__NR_pread64] = {.fds = FD(1), .bytes = 3},
    [__NR_pwrite64] = {.fds = FD(1), .bytes = 3},
    [__NR_recvfrom] = {.fds = FD(1), .bytes = 3},
    [__NR_sendto] = {.fds = FD(1), .bytes = 3},
    [__NR_getrandom] = {.bytes = 2},
    [__NR_sendfile] = {.fds = FD(1) | FD(2), .bytes = 4},
    [__NR_splice] = {.fds = FD(1) | FD(3), .bytes = 5},
    [__NR_tee] = {.fds = FD(1) | FD(2), .bytes = 3},
    [__NR_copy_file_range] = {.fds = FD(1) | FD(3), .bytes = 5},
    [__NR_readv] = {.fds = FD(1), .vector = 2},
    [__NR_writev] = {.fds = FD(1), .vector = 2},
    [__NR_preadv] = {.fds = FD(1), .vector = 2},
    [__NR_pwritev] = {.fds = FD(1), .vector = 2},
    [__NR_preadv2] = {.fds = FD(1), .vector = 2},
    [__NR_pwritev2] = {.fds = FD(1), .vector = 2},
    [__NR_vmsplice] = {.fds = FD(1), .vector = 2},
    [__NR_sendmsg] = {.fds = FD(1), .message = 2},
    [__NR_recvmsg] = {.fds = FD(1), .message = 2},

    [__NR_accept] = {.fds = FD(1)},
    [__NR_accept4] = {.fds = FD(1)},
    [__NR_bind] = {.fds = FD(1)},
    [__NR_close] = {.fds = FD(1)},
    [__NR_connect] = {.fds = FD(1)},
    [__NR_dup] = {.fds = FD(1)},
    [__NR_dup2] = {.fds = FD(1) | FD(2)},
    [__NR_dup3] = {.fds = FD(1) | FD(2)},
    [__NR_epoll_ctl] = {.fds = FD(1) | FD(3)},
    [__NR_epoll_pwait] = {.fds = FD(1)},
#ifdef __NR_epoll_pwait2
    [__NR_epoll_pwait2] = {.fds = FD(1)},
#endif
    [__NR_epoll_wait] = {.fds = FD(1)},
    [__NR_execveat] = {.fds = FD(1)},
    [__NR_faccessat] = {.fds = FD(1)},
#ifdef __NR_faccessat2
    [__NR_faccessat2] = {.fds = FD(1)},
#endif
    [__NR_fadvise64] = {.fds = FD(1)},
    [__NR_fallocate] = {.fds = FD(1)},
    [__NR_fanotify_mark] = {.fds = FD(1) | FD(4)},
    [__NR_fchdir] = {.fds = FD(1)},
    [__NR_fchmod] = {.fds = FD(1)},
    [__NR_fchmodat] = {.fds = FD(1)},
    [__NR_fchown] = {.fds = FD(1)},
    [__NR_fchownat] = {.fds = FD(1)},
    [__NR_fcntl] = {.fds = FD(1)},
    [__NR_fdatasync] = {.fds = FD(1)},
    [__NR_fgetxattr] = {.fds = FD(1)},
    [__NR_finit_module] = {.fds = FD(1)},
    [__NR_flistxattr] = {.fds = FD(1)},
    [__NR_flock] = {.fds = FD(1)},
    [__NR_fremovexattr] = {.fds = FD(1)},
    [__NR_fsetxattr] = {.fds = FD(1)},
    [__NR_fstat] = {.fds = FD(1)},
    [__NR_fstatfs] = {.fds = FD(1)},
    [__NR_fsync] = {.fds = FD(1)},
    [__NR_ftruncate] = {.fds = FD(1)},
    [__NR_futimesat] = {.fds = FD(1)},
    [__NR_getdents] = {.fds = FD(1)},
    [__NR_getdents64] = {.fds = FD(1)},
    [__NR_getpeername] = {.fds = FD(1)},
    [__NR_getsockname] = {.fds = FD(1)},
    [__NR_getsockopt] = {.fds = FD(1)},
    [__NR_inotify_add_watch] = {.fds = FD(1)},
    [__NR_inotify_rm_watch] = {.fds = FD(1)},
    [__NR_io_uring_enter] = {.fds = FD(1)},
    [__NR_io_uring_register] = {.fds = FD(1)},
    [__NR_ioctl] = {.fds = FD(1)},
    [__NR_linkat] = {.fds = FD(1) | FD(3)},
    [__NR_listen] = {.fds = FD(1)},
    [__NR_lseek] = {.fds = FD(1)},
    [__NR_mkdirat] = {.fds = FD(1)},
    [__NR_mknodat] = {.fds = FD(1)},
    [__NR_mmap] = {.fds = FD(5)},
    [__NR_mq_getsetattr] = {.fds = FD(1)},
    [__NR_mq_notify] = {.fds = FD(1)},
    [__NR_mq_timedreceive] = {.fds = FD(1)},
    [__NR_mq_timedsend] = {.fds = FD(1)},
    [__NR_name_to_handle_at] = {.fds = FD(1)},
    [__NR_newfstatat] = {.fds = FD(1)},
    [__NR_open_by_handle_at] = {.fds = FD(1)},
    [__NR_openat] = {.fds = FD(1)},
#ifdef __NR_openat2
    [__NR_openat2] = {.fds = FD(1)},
#endif
#ifdef __NR_pidfd_getfd
    [__NR_pidfd_getfd] = {.fds = FD(1)},
#endif
    [__NR_pidfd_send_signal] = {.fds = FD(1)},
    [__NR_readahead] = {.fds = FD(1)},
    [__NR_readlinkat] = {.fds = FD(1)},
    [__NR_recvmmsg] = {.fds = FD(1)},
    [__NR_renameat] = {.fds = FD(1) | FD(3)},
    [__NR_renameat2] = {.fds = FD(1) | FD(3)},
    [__NR_sendmmsg] = {.fds = FD(1)},
    [__NR_setns] = {.fds = FD(1)},
    [__NR_setsockopt] = {.fds = FD(1)},
    [__NR_shutdown] = {.fds = FD(1)},
    [__NR_signalfd] = {.fds = FD(1)},
    [__NR_signalfd4] = {.fds = FD(1)},
    [__NR_statx] = {.fds = FD(1)},
    [__NR_symlinkat] = {.fds = FD(2)},
    [__NR_sync_file_range] = {.fds = FD(1)},
    [__NR_syncfs] = {.fds = FD(1)},
    [__NR_timerfd_gettime] = {.fds = FD(1)},
    [__NR_timerfd_settime] = {.fds = FD(1)},
    [__NR_unlinkat] = {.fds = FD(1)},
    [__NR_utimensat] = {.fds = FD(1)},
};

struct pf_signature pf_signature_of(int call)
{
    if (call < 0 || (size_t)call >= sizeof(signatures) / sizeof(signatures[0]))
        return (struct pf_signature){0};
    return signatures[call];
}

bool pf_signature_transfers(int call)
{
    struct pf_signature signature = pf_signature_of(call);
    return signature.bytes || signature.vector || signature.message;
}
