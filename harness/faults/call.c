/* A call that its caller is stopped in: another one, its result, memory that it points to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

#include "faults/strike.h"

int pf_strike_replace(pid_t tid, int call)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
        return -errno;
    registers.orig_rax = (unsigned long long)(long long)call;
    return ptrace(PTRACE_SETREGS, tid, NULL, &registers) < 0 ? -errno : 0;
}

int pf_strike_result(pid_t tid, int64_t value)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
        return -errno;
    registers.rax = (unsigned long long)value;
    return ptrace(PTRACE_SETREGS, tid, NULL, &registers) < 0 ? -errno : 0;
}

/* /proc/PID/mem, unlike process_vm_writev, lets a tracer write where the thread itself may not: a constant
 * string is as good a buffer as any. */
int pf_strike_poke(pid_t tid, uint64_t address, const void *bytes, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)tid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t written = pwrite(fd, bytes, size, (off_t)address);
    int error = errno;
    close(fd);
    if (written < 0)
        return -error;
    return (size_t)written == size ? 0 : -EFAULT;
}
