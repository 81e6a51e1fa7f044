#include "supervise/pidfd.h"

#include <linux/ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef NS_GET_PID_IN_PIDNS /* Linux 6.11 */
#define NS_GET_PID_IN_PIDNS _IOR(0xb7, 0x8, int)
#endif

/* The last number of the line that starts with key, 0 when there is none. */
static long last_number(const char *path, const char *key)
{
    char line[256];
    long number = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *last = strrchr(line, '\t');
        number = last ? strtol(last + 1, NULL, 10) : 0;
        break;
    }
    fclose(file);
    return number;
}

pid_t pf_pidfd_names(pid_t pid, int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
    return (pid_t)last_number(path, "Pid:");
}

pid_t pf_tree_tid(int namespace_fd, pid_t tid)
{
    if (namespace_fd < 0)
        return tid;
    int translated = ioctl(namespace_fd, NS_GET_PID_IN_PIDNS, tid);
    if (translated > 0)
        return translated;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
    return (pid_t)last_number(path, "NSpid:");
}
