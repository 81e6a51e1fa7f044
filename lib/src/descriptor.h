/*
 * Descriptors of the library are never 0, 1 or 2: a program that has closed these, as daemons do, would print
 * into shared memory, and its children would have it replaced by /dev/null. All async-signal safe.
 */
#ifndef MPROC_DESCRIPTOR_H
#define MPROC_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

/* The descriptor that was just made, or another for the same in its place, with CLOEXEC. Returns -1 with
 * errno for -1, and when there is none that is high enough. */
int mproc_fd_above(int fd);

/* The same for many that have come. Returns false, and has closed all, when one cannot be had. */
bool mproc_fds_above(int *fds, size_t nfds);

/* Two connected ends of a socket of packets, with CLOEXEC and these flags. Returns 0, or -1 with errno. */
int mproc_socketpair(int flags, int ret_ends[2]);

#endif
