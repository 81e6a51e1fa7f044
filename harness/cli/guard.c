#include "cli/guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the stage changes: nobody else turns off these two and leaves the rest as it was. */
static bool is_changed(const struct termios *now, const struct termios *before)
{
    const tcflag_t changed = ICANON | ECHO;
    return !(now->c_lflag & changed) && (before->c_lflag & changed) &&
           (now->c_lflag | changed) == (before->c_lflag | changed) && now->c_iflag == before->c_iflag &&
           now->c_oflag == before->c_oflag;
}

/* In the guard. In a session of its own it hears nothing of Ctrl-C, and may set modes from the background. */
_Noreturn static void keep_guard(int tty, const struct termios *before, int owner)
{
    static const char end[] = "\033[0m\r\n";
    sigset_t all;
    struct termios now;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    struct pollfd death = {.fd = owner, .events = POLLIN};
    while (poll(&death, 1, -1) < 0 && errno == EINTR)
        ;
    if (tcgetattr(tty, &now) == 0 && is_changed(&now, before)) {
        tcsetattr(tty, TCSANOW, before);
        (void)!write(tty, end, sizeof(end) - 1);
    }
    _exit(0);
}

int pf_guard_start(int tty, const struct termios *before, pid_t *ret_guard)
{
    int owner = pidfd_open(getpid(), 0);
    if (owner < 0)
        return -errno;
    pid_t guard = fork();
    if (guard == 0)
        keep_guard(tty, before, owner);
    int r = guard < 0 ? -errno : 0;
    close(owner);
    if (r == 0)
        *ret_guard = guard;
    return r;
}

void pf_guard_end(pid_t guard)
{
    if (guard <= 0)
        return;
    kill(guard, SIGKILL);
    while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
        ;
}
