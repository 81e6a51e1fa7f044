#include "supervise/terminal.h"

#include <signal.h>
#include <unistd.h>

/* Changing the foreground group from the background would stop this process with SIGTTOU. */
static void set_foreground(int tty, pid_t group)
{
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTTOU);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    tcsetpgrp(tty, group);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void pf_terminal_give(struct pf_run *run)
{
    run->own_tty = -1;
    if (run->trial->capture || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return;
    run->own_tty = STDIN_FILENO;
    set_foreground(run->own_tty, run->launched.root);
}

void pf_terminal_take(struct pf_run *run)
{
    if (run->own_tty >= 0)
        set_foreground(run->own_tty, getpgrp());
    run->own_tty = -1;
}

void pf_terminal_stopped(struct pf_run *run)
{
    if (run->trial->capture || !isatty(STDIN_FILENO))
        return;
    pf_terminal_take(run);
    kill(getpid(), SIGSTOP);
    /* The user said fg or bg: only after fg is the terminal there to be given. */
    pf_terminal_give(run);
    kill(-run->launched.root, SIGCONT);
}
