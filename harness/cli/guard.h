/* guard.h - a process that puts a terminal's modes back when this one is killed. */
#ifndef PF_CLI_GUARD_H
#define PF_CLI_GUARD_H

#include <sys/types.h>
#include <termios.h>

/*
 * Starts the guard of a terminal, before its modes are changed. What it puts back are echo and lines, and
 * only where they are still changed: a shell that was quicker has modes of its own. Returns 0 or -errno.
 */
int pf_guard_start(int tty, const struct termios *before, pid_t *ret_guard);
/* The modes are as they were: it is not needed any more. 0: there is none. */
void pf_guard_end(pid_t guard);

#endif
