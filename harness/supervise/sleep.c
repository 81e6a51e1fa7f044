#include "supervise/sleep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "supervise/inject.h"
#include "supervise/keep.h"
#include "supervise/newborn.h"
#include "supervise/pace.h"
#include "supervise/quiet.h"
#include "supervise/step.h"

static const uint64_t NS_PER_S = 1000000000ULL;

int pf_sleep_open(struct pf_run *run, sigset_t *ret_before, struct pf_error *error)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, ret_before);
    run->events_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->events_fd < 0)
        return pf_error_set(error, -errno, "no signalfd: %s", strerror(errno));
    run->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    run->alarm_ns = UINT64_MAX;
    if (run->alarm_fd < 0)
        return pf_error_set(error, -errno, "no timerfd: %s", strerror(errno));
    return 0;
}

void pf_sleep_close(struct pf_run *run)
{
    if (run->events_fd >= 0)
        close(run->events_fd);
    if (run->alarm_fd >= 0)
        close(run->alarm_fd);
}

uint64_t pf_sleep_end_of_time(const struct pf_run *run)
{
    const struct pf_trial *trial = run->trial;
    uint64_t end = trial->deadline_ns && run->started_ns ? run->started_ns + trial->deadline_ns : UINT64_MAX;
    if (run->root_ended_ns && run->root_ended_ns + trial->grace_ns < end)
        end = run->root_ended_ns + trial->grace_ns;
    return end;
}

static uint64_t next_due(const struct pf_run *run)
{
    const uint64_t times[] = {pf_quiet_due(run),        pf_keep_due(run),    pf_inject_due(run),
                              pf_step_due(run),         pf_newborn_due(run), pf_pace_due(run),
                              pf_sleep_end_of_time(run)};
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
        if (times[i] < due)
            due = times[i];
    return due;
}

/*
 * Most sleeps end long before their time, and the next is to end a little later. To program the clock for
 * each costs a virtual machine several times as much as the sleep: an alarm that comes too early is left
 * standing.
 */
static void set_alarm(struct pf_run *run, uint64_t due)
{
    if (run->alarm_ns <= due)
        return;
    uint64_t at = run->trace->start_ns + due;
    struct itimerspec when = {.it_value = {(time_t)(at / NS_PER_S), (long)(at % NS_PER_S)}};
    timerfd_settime(run->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
    run->alarm_ns = due;
}

struct pf_ready pf_sleep(struct pf_run *run)
{
    uint64_t due = next_due(run);
    bool over = due <= pf_run_now(run);
    if (!over)
        set_alarm(run, due);
    struct pollfd sources[] = {{.fd = run->events_fd, .events = POLLIN},
                               {.fd = run->unfiltered ? -1 : run->launched.notify_fd, .events = POLLIN},
                               {.fd = run->launched.output[0], .events = POLLIN},
                               {.fd = run->launched.output[1], .events = POLLIN},
                               {.fd = run->alarm_fd, .events = POLLIN}};
    if (ppoll(sources, 5, over ? &(struct timespec){0} : NULL, NULL) <= 0)
        return (struct pf_ready){0};
    struct signalfd_siginfo info;
    if (sources[0].revents & POLLIN)
        (void)!read(run->events_fd, &info, sizeof(info));
    uint64_t rings;
    if ((sources[4].revents & POLLIN) && read(run->alarm_fd, &rings, sizeof(rings)) > 0)
        run->alarm_ns = UINT64_MAX;
    /* The last thread that could make a call has gone; its death will be news only a little later. */
    run->unfiltered |= (sources[1].revents & (POLLIN | POLLHUP)) == POLLHUP;
    return (struct pf_ready){.stops = sources[0].revents,
                             .call = sources[1].revents & POLLIN,
                             .output = sources[2].revents | sources[3].revents};
}
