#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int mproc_fd_above(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int err = errno;
    close(fd);
    errno = err;
    return above;
}

bool mproc_fds_above(int *fds, size_t nfds)
{
    bool all = true;

    for (size_t i = 0; i < nfds; i++) {
        fds[i] = mproc_fd_above(fds[i]);
        all = all && fds[i] >= 0;
    }
    for (size_t i = 0; i < nfds && !all; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return all;
}

int mproc_socketpair(int flags, int ret_ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, ret_ends))
        return -1;
    if (mproc_fds_above(ret_ends, 2))
        return 0;
    errno = EMFILE;
    return -1;
}
