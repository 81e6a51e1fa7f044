/*
 * The %sets of strace(1): which system calls take a file name, a descriptor, and so on. A name that this
 * machine's kernel interface does not have is passed over, so one table serves every architecture.
 */
#include "plan/calls.h"

static const char clock_calls[] =
    "adjtimex clock_adjtime clock_getres clock_gettime clock_settime gettimeofday settimeofday time";

static const char creds_calls[] =
    "capget capset getegid geteuid getgid getgroups getresgid getresuid getuid prctl setfsgid setfsuid "
    "setgid setgroups setregid setresgid setresuid setreuid setuid";

static const char desc_calls[] =
    "bpf cachestat close copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl "
    "epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execveat faccessat faccessat2 fadvise64 "
    "fallocate fanotify_init fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl "
    "fdatasync fgetxattr file_getattr file_setattr finit_module flistxattr flock fremovexattr fsconfig "
    "fsetxattr fsmount fsopen fspick fstat fstatfs fsync ftruncate futimesat getdents getdents64 "
    "getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_uring_enter "
    "io_uring_register io_uring_setup ioctl kexec_file_load landlock_add_rule landlock_create_ruleset "
    "landlock_restrict_self linkat listxattrat lseek memfd_create memfd_secret mkdirat mknodat mmap "
    "mount_setattr move_mount mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend "
    "name_to_handle_at newfstatat open open_by_handle_at open_tree open_tree_attr openat openat2 "
    "perf_event_open pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2 poll ppoll pread64 preadv "
    "preadv2 process_madvise process_mrelease pselect6 pwrite64 pwritev pwritev2 quotactl_fd read "
    "readahead readlinkat readv removexattrat renameat renameat2 select sendfile setns setxattrat "
    "signalfd signalfd4 splice statx symlinkat sync_file_range syncfs tee timerfd_create "
    "timerfd_gettime timerfd_settime unlinkat userfaultfd utimensat vmsplice write writev";

static const char file_calls[] =
    "access acct chdir chmod chown chroot creat execve execveat faccessat faccessat2 fanotify_mark "
    "fchmodat fchmodat2 fchownat file_getattr file_setattr fsconfig fspick futimesat getcwd getxattr "
    "getxattrat inotify_add_watch lchown lgetxattr link linkat listxattr listxattrat llistxattr "
    "lremovexattr lsetxattr lstat mkdir mkdirat mknod mknodat mount mount_setattr move_mount "
    "name_to_handle_at newfstatat open open_tree open_tree_attr openat openat2 pivot_root quotactl "
    "readlink readlinkat removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat "
    "stat statfs statx swapoff swapon symlink symlinkat truncate umount2 unlink unlinkat uselib utime "
    "utimensat utimes";

static const char fstat_calls[] = "fstat newfstatat statx";

static const char fstatfs_calls[] = "fstatfs";

static const char ipc_calls[] =
    "msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget";

static const char lstat_calls[] = "lstat";

static const char memory_calls[] =
    "brk get_mempolicy io_destroy io_setup io_uring_register madvise map_shadow_stack mbind "
    "migrate_pages mincore mlock mlock2 mlockall mmap move_pages mprotect mremap mseal msync munlock "
    "munlockall munmap pkey_mprotect remap_file_pages set_mempolicy set_mempolicy_home_node shmat shmdt";

static const char net_calls[] =
    "accept accept4 bind connect getpeername getpmsg getsockname getsockopt listen putpmsg recvfrom "
    "recvmmsg recvmsg sendfile sendmmsg sendmsg sendto setsockopt shutdown socket socketpair";

static const char process_calls[] =
    "clone clone3 execve execveat exit exit_group fork kill pidfd_send_signal rt_sigqueueinfo "
    "rt_tgsigqueueinfo tgkill tkill vfork wait4 waitid";

static const char pure_calls[] = "getegid geteuid getgid getpgrp getpid getppid gettid getuid";

static const char signal_calls[] =
    "io_uring_enter kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask "
    "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd "
    "signalfd4 tgkill tkill";

static const char stat_calls[] = "stat";

static const char statfs_calls[] = "statfs";

static const char any_stat_calls[] = "fstat lstat newfstatat stat statx";

static const char any_statfs_calls[] = "fstatfs statfs ustat";

const struct pf_call_set pf_call_sets[] = {
    {"%clock", clock_calls},   {"%creds", creds_calls},    {"%desc", desc_calls},
    {"%file", file_calls},     {"%fstat", fstat_calls},    {"%fstatfs", fstatfs_calls},
    {"%ipc", ipc_calls},       {"%lstat", lstat_calls},    {"%memory", memory_calls},
    {"%net", net_calls},       {"%network", net_calls},    {"%process", process_calls},
    {"%pure", pure_calls},     {"%signal", signal_calls},  {"%stat", stat_calls},
    {"%statfs", statfs_calls}, {"%%stat", any_stat_calls}, {"%%statfs", any_statfs_calls},
};

const size_t pf_call_set_count = sizeof(pf_call_sets) / sizeof(pf_call_sets[0]);
