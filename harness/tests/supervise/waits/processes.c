/* Ends of processes, signals, stops, timers. */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kinds.h"

static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

static void await_partner(void)
{
    NEED(waitpid(partner, NULL, 0) == partner);
}

static void await_any(void)
{
    NEED(wait(NULL) == partner);
}

static void await_group(void)
{
    NEED(waitpid(0, NULL, 0) == partner);
}

static void await_by_id(void)
{
    siginfo_t end;
    NEED(waitid(P_PID, (id_t)partner, &end, WEXITED) == 0);
}

static int open_partner(void)
{
    int fd = (int)syscall(SYS_pidfd_open, partner, 0);
    NEED(fd >= 0);
    return fd;
}

static void await_by_pidfd(void)
{
    siginfo_t end;
    NEED(waitid((idtype_t)P_PIDFD, (id_t)open_partner(), &end, WEXITED) == 0);
}

static void poll_pidfd(void)
{
    struct pollfd one = {.fd = open_partner(), .events = POLLIN};
    NEED(poll(&one, 1, -1) == 1);
}

static void block(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void catch_user(void)
{
    block(SIGUSR1);
    signal(SIGUSR1, catch);
}

static void catch_child(void)
{
    block(SIGCHLD);
    signal(SIGCHLD, catch);
}

static void suspend(void)
{
    sigset_t none;
    sigemptyset(&none);
    while (!caught)
        sigsuspend(&none);
}

static void send_user(void)
{
    kill(getppid(), SIGUSR1);
}

static void await_signal(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    NEED(sigwaitinfo(&set, NULL) == number);
}

static void await_user(void)
{
    await_signal(SIGUSR1);
}

static void await_child(void)
{
    await_signal(SIGCHLD);
}

/* As with pause(): no other signal is let through. */
static void pause_for_user(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
#ifdef SYS_pause
    while (!caught)
        syscall(SYS_pause);
#else
    suspend();
#endif
}

static void stop(void)
{
    raise(SIGSTOP);
}

static void continue_root(void)
{
    kill(getppid(), SIGCONT);
}

static void arm_alarm(void)
{
    alarm(1000);
}

static void arm_timer(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    NEED(timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_sec = 1000}, NULL) == 0);
}

static void sleep_on(void)
{
    struct timespec rest = {.tv_sec = 1000};
    signal(SIGUSR1, catch);
    NEED(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &rest, &rest) != 0);
}

static void send_user_or_end(void)
{
    kill(getppid(), SIGUSR1);
}

static const struct kind kinds[] = {
    KIND("child", "wait4", NULL, NULL, await_partner, NULL),
    KIND("child-any", "wait4", NULL, NULL, await_any, NULL),
    KIND("child-of-group", "wait4", NULL, NULL, await_group, NULL),
    KIND("child-by-id", "waitid", NULL, NULL, await_by_id, NULL),
    KIND("child-by-pidfd", "waitid", NULL, NULL, await_by_pidfd, NULL),
    KIND("child-polled", "poll", NULL, NULL, poll_pidfd, NULL),
    KIND("child-of-vfork", "clone", NULL, NULL, NULL, NULL, .vfork = true),
    KIND("signal-pause", "pause", catch_user, NULL, pause_for_user, send_user, .claim = NEVER),
    KIND("signal-suspend", "rt_sigsuspend", catch_user, NULL, suspend, send_user, .claim = NEVER),
    KIND("signal-wait", "rt_sigtimedwait", catch_user, NULL, await_user, send_user, .claim = NEVER),
    KIND("signal-suspend-child", "rt_sigsuspend", catch_child, NULL, suspend, NULL),
    KIND("signal-wait-child", "rt_sigtimedwait", catch_child, NULL, await_child, NULL),
    KIND("stopped", "-", NULL, NULL, stop, continue_root, .claim = NEVER),
    KIND("alarm", "wait4", arm_alarm, NULL, await_partner, NULL, .claim = NEVER),
    KIND("timer", "wait4", arm_timer, NULL, await_partner, NULL, .claim = NEVER),
    KIND("sleep", "clock_nanosleep", NULL, NULL, sleep_on, send_user_or_end, .claim = NEVER),
};
const struct kinds process_kinds = KINDS(kinds);
