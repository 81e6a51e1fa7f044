#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/stop.h>

#include "soak.h"

enum { LONGEST_MS = 20, STACK = 128 << 10 };

void soak_must(bool holds, int code)
{
    if (!holds)
        _exit(code);
}

static uint32_t *over; /* shared with the crew; there is one at a time */

bool soak_is_over(void)
{
    return __atomic_load_n(over, __ATOMIC_RELAXED) != 0;
}

void soak_call_off(void)
{
    __atomic_store_n(over, 1, __ATOMIC_RELAXED);
}

bool soak_is_limit(int err)
{
    return err == -ENOMEM || err == -EFBIG || err == -EMFILE || err == -ENOSPC;
}

bool soak_victim_open(pid_t pid, struct soak_victim *ret_victim)
{
    int pidfd = pidfd_open(pid, 0);

    if (pidfd < 0)
        return false;
    *ret_victim = (struct soak_victim){.pid = pid, .pidfd = pidfd};
    return true;
}

void soak_victim_close(struct soak_victim *victim)
{
    close(victim->pidfd);
    victim->pidfd = -1;
}

/* Limits that take effect in the middle of a call: no more descriptors, files, address space; which
 * AddressSanitizer needs for itself: its runtime ends the process when there is none. */
static const int resources[] = {RLIMIT_NOFILE, RLIMIT_FSIZE,
#ifndef __SANITIZE_ADDRESS__
                                RLIMIT_AS
#endif
};

static bool has_ended(const struct soak_victim *victim)
{
    return poll(&(struct pollfd){.fd = victim->pidfd, .events = POLLIN}, 1, 0) != 0;
}

static void set_soft(const struct soak_victim *victim, int resource, rlim_t soft)
{
    struct rlimit limit;

    if (has_ended(victim) || prlimit(victim->pid, (unsigned)resource, NULL, &limit) != 0)
        return;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    prlimit(victim->pid, (unsigned)resource, &limit, NULL);
}

static void set_end(struct soak_round *round, struct soak_victim *victim)
{
    victim->until_ns = mproc_clock_ns() + soak_random(round, LONGEST_MS * 1000) * UINT64_C(1000);
}

void soak_stop(struct soak_round *round, struct soak_victim *victim)
{
    if (victim->until_ns != 0)
        return;
    set_end(round, victim);
    victim->has_limit = false;
    pidfd_send_signal(victim->pidfd, SIGSTOP, NULL, 0);
    round->stops++;
}

void soak_disturb(struct soak_round *round, struct soak_victim *victim)
{
    if (victim->until_ns != 0)
        return;
    if (soak_random(round, 3) != 0) {
        soak_stop(round, victim);
        return;
    }
    set_end(round, victim);
    victim->has_limit = true;
    victim->was_limited = true;
    set_soft(victim, resources[soak_random(round, sizeof(resources) / sizeof(resources[0]))], 4);
    round->limits++;
}

void soak_restore(struct soak_victim *victim, bool at_once)
{
    if (victim->until_ns == 0 || (!at_once && mproc_clock_ns() < victim->until_ns))
        return;
    if (victim->has_limit) {
        for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
            struct rlimit own;
            getrlimit((__rlimit_resource_t)resources[i], &own);
            set_soft(victim, resources[i], own.rlim_cur);
        }
    } else {
        pidfd_send_signal(victim->pidfd, SIGCONT, NULL, 0);
    }
    victim->until_ns = 0;
}

/* So that a limit on the address space cannot stop the stack from growing, which would be a SIGSEGV. */
static void touch_stack(void)
{
    volatile char room[STACK];

    for (size_t i = 0; i < sizeof(room); i += 1024)
        room[i] = 0;
}

static bool start(struct soak_round *round, struct soak_crew *crew, unsigned role)
{
    pid_t parent = getpid();
    uint32_t life = crew->lives++;

    touch_stack(); /* the child may be limited before it does anything */
    pid_t pid = fork();
    if (pid < 0)
        return soak_fail(round, "cannot fork: %s", strerrordesc_np(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(0);
        crew->run(crew->user, role, life);
        _exit(0);
    }
    if (!soak_victim_open(pid, &crew->members[role]))
        return soak_fail(round, "cannot open a pidfd: %s", strerrordesc_np(errno));
    return true;
}

/* Judges how a member ended; a kill of ours is meant. Returns whether it was killed. */
static bool bury(struct soak_round *round, struct soak_crew *crew, unsigned role)
{
    struct soak_victim *member = &crew->members[role];
    int status = 0;

    waitpid(member->pid, &status, 0);
    soak_victim_close(member);
    member->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        soak_fail(round, "process %u of %u ended with %d: %s", role, crew->count, WEXITSTATUS(status),
                  crew->words(WEXITSTATUS(status)));
    bool is_meant = WIFSIGNALED(status) &&
                    (WTERMSIG(status) == SIGKILL || (WTERMSIG(status) == SIGXFSZ && member->was_limited));
    if (WIFSIGNALED(status) && !is_meant)
        soak_fail(round, "process %u of %u was killed by signal %d", role, crew->count, WTERMSIG(status));
    if (is_meant) {
        round->kills++;
        crew->killed++;
        if (crew->buried)
            crew->buried(crew->user, role);
    }
    return is_meant;
}

bool soak_crew_rage(struct soak_round *round, struct soak_crew *crew)
{
    if (!over)
        over = soak_share(sizeof(*over));
    *over = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        if (!start(round, crew, i))
            return false;
    }
    while (mproc_clock_ns() < round->end_ns && crew->lives < crew->lives_max && !round->failure[0]) {
        unsigned role = soak_random(round, crew->count);
        mproc_stop_sleep(mproc_clock_ns() + soak_random(round, 1500) * UINT64_C(1000));
        for (unsigned i = 0; i < crew->count; i++)
            soak_restore(&crew->members[i], false);
        if (crew->server)
            soak_restore(crew->server, false);
        if (crew->server && soak_random(round, 8) == 0)
            soak_stop(round, crew->server);
        if (crew->renew_server && soak_random(round, 64) == 0) {
            round->kills++;
            if (!crew->renew_server(round, crew->user, crew->server))
                return false;
        }
        if (soak_random(round, 2) == 0) {
            soak_disturb(round, &crew->members[role]);
            continue;
        }
        pidfd_send_signal(crew->members[role].pidfd, SIGKILL, NULL, 0);
        if (bury(round, crew, role) && !start(round, crew, role))
            return false;
        if (crew->members[role].pid == 0)
            return round->failure[0] ? false : soak_fail(round, "process %u ended in the middle", role);
    }
    for (unsigned i = 0; i < crew->count; i++)
        soak_restore(&crew->members[i], true);
    if (crew->server)
        soak_restore(crew->server, true);
    return !round->failure[0];
}

bool soak_crew_join(struct soak_round *round, struct soak_crew *crew)
{
    uint64_t deadline_ns = mproc_deadline_ms(SOAK_HANG_MS);

    soak_call_off();
    for (unsigned i = 0; i < crew->count; i++) {
        uint64_t now = mproc_clock_ns();
        int ms = now < deadline_ns ? (int)((deadline_ns - now) / 1000000) : 0;
        if (poll(&(struct pollfd){.fd = crew->members[i].pidfd, .events = POLLIN}, 1, ms) == 0)
            return soak_fail(round, "process %u of %u hangs", i, crew->count);
        bury(round, crew, i);
    }
    return !round->failure[0];
}

void soak_crew_kill(struct soak_crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->members[i].pid == 0)
            continue;
        pidfd_send_signal(crew->members[i].pidfd, SIGKILL, NULL, 0);
        waitpid(crew->members[i].pid, NULL, 0);
        soak_victim_close(&crew->members[i]);
    }
}
