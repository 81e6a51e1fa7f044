#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "system.h"

void mproc_close_all_but(int *keep, size_t nkeep)
{
    unsigned next = STDERR_FILENO + 1;

    for (size_t i = 1; i < nkeep; i++) {
        int fd = keep[i];
        size_t at = i;
        for (; at > 0 && keep[at - 1] > fd; at--)
            keep[at] = keep[at - 1];
        keep[at] = fd;
    }
    for (size_t i = 0; i < nkeep; i++) {
        if (keep[i] < (int)next)
            continue;
        if ((unsigned)keep[i] > next)
            close_range(next, (unsigned)keep[i] - 1, 0);
        next = (unsigned)keep[i] + 1;
    }
    close_range(next, UINT_MAX, 0);
}

int mproc_open_null(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return -errno;
    if (null == fd)
        return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    int r = dup2(null, fd) < 0 ? -errno : 0;
    close(null);
    return r;
}

bool mproc_has_room(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (copy >= 0)
        close(copy);
    return copy >= 0;
}

static bool task_folder_has_many(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;

    if (!tasks)
        return false;
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count > 1;
}

bool mproc_has_threads(void)
{
    /* A joined thread needs a moment more until the kernel has unlinked it. */
    uint64_t until_ns = mproc_clock_ns() + 5 * 1000 * 1000;

    for (;;) {
        /* Does nothing in a process with one thread and fails in one with more: exact, and needs no /proc. */
        if (unshare(CLONE_THREAD) == 0)
            return false;
        if (errno != EINVAL && !task_folder_has_many())
            return false;
        if (mproc_clock_ns() >= until_ns)
            return true;
        sched_yield();
    }
}

void mproc_reset_signals(void)
{
    struct sigaction action;

    for (int signo = 1; signo < NSIG; signo++) {
        if (sigaction(signo, NULL, &action))
            continue;
        if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && signo != SIGCHLD))
            continue;
        sigaction(signo, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    }
}

void mproc_hold_signals(sigset_t *ret_before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all;

    sigfillset(&all);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_BLOCK, &all, ret_before);
}

void mproc_release_signals(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int mproc_poll_one(int fd, short events, uint64_t deadline_ns)
{
    for (;;) {
        struct pollfd item = {.fd = fd, .events = events};
        uint64_t now_ns = mproc_clock_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        const struct timespec left = {(time_t)(left_ns / 1000000000u), (long)(left_ns % 1000000000u)};
        int n = ppoll(&item, 1, deadline_ns == MPROC_FOREVER ? NULL : &left, NULL);
        if (n > 0)
            return 1;
        if (n == 0 || errno != EINTR)
            return 0;
    }
}

int mproc_reap(idtype_t type, id_t id, bool wait, siginfo_t *ret_info)
{
    int r;

    memset(ret_info, 0, sizeof(*ret_info));
    do
        r = waitid(type, id, ret_info, wait ? WEXITED : WEXITED | WNOHANG);
    while (r && errno == EINTR);
    return r ? -errno : ret_info->si_pid != 0;
}

int mproc_peek_end(idtype_t type, id_t id, siginfo_t *ret_info)
{
    int r;

    memset(ret_info, 0, sizeof(*ret_info));
    do
        r = waitid(type, id, ret_info, WEXITED | WNOHANG | WNOWAIT);
    while (r && errno == EINTR);
    return r ? -errno : ret_info->si_pid != 0;
}

/* As in <linux/pidfd.h> of Linux 6.15, which is newer than the headers this is built with. */
struct pidfd_info {
    uint64_t mask;
    uint64_t cgroupid;
    uint32_t pid, tgid, ppid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};

int mproc_pidfd_end(int pidfd, siginfo_t *ret_info)
{
    const uint64_t want_exit = UINT64_C(1) << 3;
    struct pidfd_info info = {.mask = want_exit};

    if (ioctl(pidfd, _IOWR(0xff, 11, struct pidfd_info), &info) || !(info.mask & want_exit))
        return 0;
    memset(ret_info, 0, sizeof(*ret_info));
    if (WIFEXITED(info.exit_code)) {
        ret_info->si_code = CLD_EXITED;
        ret_info->si_status = WEXITSTATUS(info.exit_code);
    } else {
        ret_info->si_code = WCOREDUMP(info.exit_code) ? CLD_DUMPED : CLD_KILLED;
        ret_info->si_status = WTERMSIG(info.exit_code);
    }
    return 1;
}

int mproc_look_at(pid_t pid, bool *ret_stopped, pid_t *ret_parent)
{
    char path[40], text[512], state;
    int parent;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    int err = len < 0 ? -errno : 0;
    close(fd);
    if (err)
        return err;
    text[len] = '\0';
    /* A name may hold anything, but what follows it holds no bracket. */
    const char *after_name = strrchr(text, ')');
    if (!after_name || sscanf(after_name, ") %c %d", &state, &parent) != 2)
        return -EBADMSG;
    *ret_stopped = state == 'T' || state == 't';
    *ret_parent = parent;
    return 0;
}
