#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults/strike.h"

int pf_strike_signal(pid_t pid, int number)
{
    return kill(pid, number) < 0 ? -errno : 0;
}

int pf_strike_thread(pid_t pid, pid_t tid, int number)
{
    return syscall(SYS_tgkill, pid, tid, number) < 0 ? -errno : 0;
}
