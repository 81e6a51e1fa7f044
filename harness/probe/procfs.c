#include "probe/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

ssize_t pf_proc_read(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    ssize_t length = read(fd, buffer, size - 1);
    int code = length < 0 ? -errno : 0;
    close(fd);
    if (code)
        return code;
    buffer[length] = '\0';
    return length;
}

int pf_proc_read_all(const char *path, struct pf_arena *arena, char **ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    size_t length = 0, size = 4096;
    char *text = malloc(size);
    int code = text ? 0 : -ENOMEM;
    while (!code) {
        ssize_t got = read(fd, text + length, size - length);
        if (got <= 0) {
            code = got < 0 ? -errno : 0;
            break;
        }
        length += (size_t)got;
        if (length < size)
            continue;
        char *larger = realloc(text, size * 2);
        if (!larger) {
            code = -ENOMEM;
            break;
        }
        text = larger;
        size *= 2;
    }
    close(fd);
    if (!code)
        *ret_text = pf_arena_strndup(arena, text, length);
    free(text);
    return code;
}

int pf_proc_open(pid_t pid, pid_t tid, const char *name)
{
    char path[80];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    return fd;
}

ssize_t pf_proc_reread(int fd, char *buffer, size_t size)
{
    ssize_t length = pread(fd, buffer, size - 1, 0);
    if (length < 0)
        return -errno;
    buffer[length] = '\0';
    return length;
}

static ssize_t read_task(pid_t pid, pid_t tid, const char *name, char *buffer, size_t size)
{
    char path[80];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
    return pf_proc_read(path, buffer, size);
}

char pf_proc_stat_state(const char *line)
{
    /* The name stands in parentheses and may itself contain some. */
    const char *end = strrchr(line, ')');
    return end && end[1] == ' ' ? end[2] : '\0';
}

int pf_proc_stat(int stat_fd, struct pf_task_stat *ret_stat)
{
    char line[1024];
    ssize_t length = pf_proc_reread(stat_fd, line, sizeof(line));
    if (length < 0)
        return (int)length;
    const char *begin = strchr(line, '(');
    const char *end = strrchr(line, ')');
    static const unsigned KERNEL_THREAD = 0x00200000; /* PF_KTHREAD of the kernel's task flags */
    struct pf_task_stat stat = {0};
    unsigned flags;
    if (!begin || !end ||
        sscanf(end + 1,
               " %c %d %d %d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64,
               &stat.state, &stat.parent, &stat.group, &stat.session, &flags, &stat.start,
               &stat.virtual_size) != 7)
        return -EPROTO;
    stat.kernel = flags & KERNEL_THREAD;
    /* The kernel cuts long names off, and may do so behind a blank. */
    while (end > begin + 1 && end[-1] == ' ')
        end--;
    snprintf(stat.name, sizeof(stat.name), "%.*s", (int)(end - begin - 1), begin + 1);
    *ret_stat = stat;
    return 0;
}

int pf_proc_stat_of(pid_t pid, pid_t tid, struct pf_task_stat *ret_stat)
{
    int fd = pf_proc_open(pid, tid, "stat");
    if (fd < 0)
        return fd;
    int r = pf_proc_stat(fd, ret_stat);
    close(fd);
    return r;
}

bool pf_counters_equal(const struct pf_counters *a, const struct pf_counters *b)
{
    return a->run_ns == b->run_ns && a->slices == b->slices;
}

int pf_proc_counters(int schedstat_fd, struct pf_counters *ret_counters)
{
    char line[96];
    ssize_t length = pf_proc_reread(schedstat_fd, line, sizeof(line));
    if (length < 0)
        return (int)length;
    char *rest;
    uint64_t run = strtoull(line, &rest, 10);
    if (rest == line)
        return -EPROTO;
    strtoull(rest, &rest, 10); /* time spent runnable: grows without the thread having run */
    *ret_counters = (struct pf_counters){.run_ns = run, .slices = strtoull(rest, NULL, 10)};
    return 0;
}

int pf_proc_call(pid_t pid, pid_t tid, struct pf_task_call *ret_call)
{
    char line[256];
    ssize_t length = read_task(pid, tid, "syscall", line, sizeof(line));
    if (length < 0)
        return (int)length;
    struct pf_task_call call = {.state = PF_CALL_RUNNING};
    char *rest = line;
    long number = strtol(line, &rest, 10);
    if (rest != line) {
        call.state = number < 0 ? PF_CALL_OUTSIDE : PF_CALL_INSIDE;
        call.number = number;
        for (size_t i = 0; i < 6 && number >= 0; i++)
            call.args[i] = strtoull(rest, &rest, 16);
        call.stack = strtoull(rest, &rest, 16);
        call.instruction = strtoull(rest, &rest, 16);
    }
    *ret_call = call;
    return 0;
}

void pf_proc_wchan(pid_t pid, pid_t tid, char *buffer, size_t size)
{
    if (read_task(pid, tid, "wchan", buffer, size) < 0 || strcmp(buffer, "0") == 0)
        buffer[0] = '\0';
}

/* The last number of "NStgid:\t4711\t23": one for every namespace, the innermost last. */
static pid_t last_number(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    const char *end = line ? strchr(line + 1, '\n') : NULL;
    while (end && end > line && end[-1] != '\t')
        end--;
    return end ? (pid_t)strtol(end, NULL, 10) : 0;
}

int pf_proc_status(pid_t tid, struct pf_task_status *ret_status)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    ssize_t length = pf_proc_read(path, text, sizeof(text));
    if (length < 0)
        return (int)length;
    const char *caught = strstr(text, "\nSigCgt:"), *ignored = strstr(text, "\nSigIgn:"),
               *filter = strstr(text, "\nSeccomp:"), *threads = strstr(text, "\nThreads:"),
               *blocked = strstr(text, "\nSigBlk:"), *tracer = strstr(text, "\nTracerPid:"),
               *pending = strstr(text, "\nSigPnd:"), *shared = strstr(text, "\nShdPnd:");
    if (!caught || !ignored || !threads || !blocked || !pending || !shared)
        return -EPROTO;
    ret_status->pending =
        strtoull(pending + strlen("\nSigPnd:"), NULL, 16) | strtoull(shared + strlen("\nShdPnd:"), NULL, 16);
    ret_status->blocked = strtoull(blocked + strlen("\nSigBlk:"), NULL, 16);
    ret_status->threads = strtoull(threads + strlen("\nThreads:"), NULL, 10);
    ret_status->handlers = strtoull(caught + strlen("\nSigCgt:"), NULL, 16);
    ret_status->ignored = strtoull(ignored + strlen("\nSigIgn:"), NULL, 16);
    ret_status->tracer = tracer ? atoi(tracer + strlen("\nTracerPid:")) : 0;
    ret_status->own_pid = last_number(text, "\nNStgid:");
    ret_status->filtered = filter && atoi(filter + strlen("\nSeccomp:")) != 0;
    return 0;
}

int pf_proc_traffic_open(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/io", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int pf_proc_traffic_read(int fd, struct pf_traffic *ret_traffic)
{
    char text[512];
    ssize_t length = pf_proc_reread(fd, text, sizeof(text));
    if (length < 0)
        return (int)length;
    struct pf_traffic traffic;
    if (sscanf(text, "rchar: %" SCNu64 " wchar: %" SCNu64 " syscr: %" SCNu64 " syscw: %" SCNu64,
               &traffic.read, &traffic.written, &traffic.reads, &traffic.writes) != 4)
        return -EPROTO;
    *ret_traffic = traffic;
    return 0;
}

int pf_proc_traffic(pid_t pid, struct pf_traffic *ret_traffic)
{
    int fd = pf_proc_traffic_open(pid);
    if (fd < 0)
        return fd;
    int r = pf_proc_traffic_read(fd, ret_traffic);
    close(fd);
    return r;
}

int pf_proc_run_time(pid_t pid, uint64_t *ret_ns)
{
    /* What clock_getcpuclockid(3) gives after a system call of its own; a hundred processes are asked at
     * once. A process that is gone has no clock, EINVAL. */
    enum { BITS = 3, OF_PROCESS_EXACTLY = 2 };
    clockid_t clock = (clockid_t)(~(unsigned)pid << BITS | OF_PROCESS_EXACTLY);
    struct timespec time;
    if (clock_gettime(clock, &time) < 0)
        return -errno;
    *ret_ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    return 0;
}

int pf_proc_ticks(pid_t pid, uint64_t *ret_user, uint64_t *ret_system)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    ssize_t length = pf_proc_read(path, line, sizeof(line));
    if (length < 0)
        return (int)length;
    const char *end = strrchr(line, ')');
    uint64_t user, system;
    if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
                       &system) != 2)
        return -EPROTO;
    *ret_user = user;
    *ret_system = system;
    return 0;
}

pid_t pf_proc_own_tid(pid_t pid, pid_t tid)
{
    char text[4096];
    return read_task(pid, tid, "status", text, sizeof(text)) > 0 ? last_number(text, "\nNSpid:") : 0;
}

bool pf_proc_same_memory(pid_t a, pid_t b)
{
    return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

int pf_proc_memory(pid_t pid, uint64_t address, void *buffer, size_t size)
{
    struct iovec local = {.iov_base = buffer, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
    if (got < 0)
        return -errno;
    return (size_t)got == size ? 0 : -EFAULT;
}
