#include "probe/calls.h"

#include <inttypes.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif

#define CALL(decoder, wait_kind, ...)                                                                        \
    {                                                                                                        \
        .decode = (decoder), .kind = (wait_kind), __VA_ARGS__                                                \
    }
#define TIMED(decoder, wait_kind, form, arg, ...)                                                            \
    CALL(decoder, wait_kind, .clock = (form), .clock_arg = (arg), __VA_ARGS__)

static const struct pf_call calls[] = {
    [SYS_read] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_readv] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_pread64] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_preadv] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_preadv2] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_recvfrom] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_recvmsg] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    /* The time limit of recvmmsg is looked at only when a message has come: it does not end the wait. */
    [SYS_recvmmsg] = CALL(pf_decode_descriptor, PF_WAIT_READ),
    [SYS_write] = CALL(pf_decode_descriptor, PF_WAIT_WRITE),
    [SYS_writev] = CALL(pf_decode_descriptor, PF_WAIT_WRITE),
    [SYS_pwrite64] = CALL(pf_decode_descriptor, PF_WAIT_WRITE),
    [SYS_pwritev] = CALL(pf_decode_descriptor, PF_WAIT_WRITE),
    [SYS_pwritev2] = CALL(pf_decode_descriptor, PF_WAIT_WRITE),
    [SYS_sendto] = CALL(pf_decode_sendto, PF_WAIT_WRITE),
    [SYS_sendmsg] = CALL(pf_decode_sendto, PF_WAIT_WRITE),
    [SYS_sendmmsg] = CALL(pf_decode_sendto, PF_WAIT_WRITE),
    [SYS_splice] = CALL(pf_decode_splice, PF_WAIT_POLL),
    [SYS_tee] = CALL(pf_decode_splice, PF_WAIT_POLL),
    [SYS_sendfile] = CALL(pf_decode_splice, PF_WAIT_POLL),
    [SYS_vmsplice] = CALL(pf_decode_vmsplice, PF_WAIT_WRITE),
    [SYS_accept] = CALL(pf_decode_descriptor, PF_WAIT_ACCEPT),
    [SYS_accept4] = CALL(pf_decode_descriptor, PF_WAIT_ACCEPT),
    [SYS_connect] = CALL(pf_decode_connect, PF_WAIT_CONNECT),
    [SYS_mq_timedreceive] = TIMED(pf_decode_queue, PF_WAIT_READ, PF_CLOCK_DEADLINE, 4),
    [SYS_mq_timedsend] = TIMED(pf_decode_queue, PF_WAIT_WRITE, PF_CLOCK_DEADLINE, 4),
    [SYS_ppoll] = TIMED(pf_decode_poll, PF_WAIT_POLL, PF_CLOCK_TIMESPEC, 2),
    [SYS_pselect6] = TIMED(pf_decode_select, PF_WAIT_POLL, PF_CLOCK_TIMESPEC, 4),
    [SYS_epoll_pwait] = TIMED(pf_decode_descriptor, PF_WAIT_POLL, PF_CLOCK_MILLISECONDS, 3),
    [SYS_epoll_pwait2] = TIMED(pf_decode_descriptor, PF_WAIT_POLL, PF_CLOCK_TIMESPEC, 3),
    [SYS_wait4] = CALL(pf_decode_wait4, PF_WAIT_CHILD),
    [SYS_waitid] = CALL(pf_decode_waitid, PF_WAIT_CHILD),
    [SYS_clone] = CALL(pf_decode_vfork, PF_WAIT_VFORK),
    [SYS_clone3] = CALL(pf_decode_vfork, PF_WAIT_VFORK),
    [SYS_futex] = CALL(pf_decode_futex, PF_WAIT_FUTEX),
    [SYS_futex_waitv] = TIMED(pf_decode_futex_waitv, PF_WAIT_FUTEX, PF_CLOCK_DEADLINE, 3),
    [SYS_futex_wait] = TIMED(pf_decode_futex_wait, PF_WAIT_FUTEX, PF_CLOCK_DEADLINE, 4),
    [SYS_nanosleep] = TIMED(pf_decode_nothing, PF_WAIT_SLEEP, PF_CLOCK_TIMESPEC, 0),
    [SYS_clock_nanosleep] = TIMED(pf_decode_nothing, PF_WAIT_SLEEP, PF_CLOCK_TIMESPEC, 2),
    [SYS_flock] = CALL(pf_decode_flock, PF_WAIT_LOCK),
    [SYS_fcntl] = CALL(pf_decode_fcntl, PF_WAIT_LOCK),
    [SYS_openat] = CALL(pf_decode_openat, PF_WAIT_OPEN),
    [SYS_openat2] = CALL(pf_decode_openat, PF_WAIT_OPEN),
    [SYS_rt_sigsuspend] = CALL(pf_decode_signal, PF_WAIT_SIGNAL),
    [SYS_rt_sigtimedwait] = TIMED(pf_decode_signal, PF_WAIT_SIGNAL, PF_CLOCK_TIMESPEC, 2),
    [SYS_semop] = CALL(pf_decode_sysv, PF_WAIT_SEMAPHORE, .detail = "sem"),
    [SYS_semtimedop] = TIMED(pf_decode_sysv, PF_WAIT_SEMAPHORE, PF_CLOCK_TIMESPEC, 3, .detail = "sem"),
    [SYS_msgrcv] = CALL(pf_decode_sysv, PF_WAIT_READ, .detail = "msg"),
    [SYS_msgsnd] = CALL(pf_decode_sysv, PF_WAIT_WRITE, .detail = "msg"),
    [SYS_restart_syscall] = CALL(pf_decode_restart, PF_WAIT_UNKNOWN),
#ifdef SYS_poll /* machines younger than these calls do without them */
    [SYS_poll] = TIMED(pf_decode_poll, PF_WAIT_POLL, PF_CLOCK_MILLISECONDS, 2),
    [SYS_select] = TIMED(pf_decode_select, PF_WAIT_POLL, PF_CLOCK_TIMEVAL, 4),
    [SYS_epoll_wait] = TIMED(pf_decode_descriptor, PF_WAIT_POLL, PF_CLOCK_MILLISECONDS, 3),
    [SYS_vfork] = CALL(pf_decode_vfork, PF_WAIT_VFORK),
    [SYS_open] = CALL(pf_decode_open, PF_WAIT_OPEN),
    [SYS_creat] = CALL(pf_decode_creat, PF_WAIT_OPEN),
    [SYS_pause] = CALL(pf_decode_signal, PF_WAIT_SIGNAL),
#endif
};

void pf_wait_set_unknown(struct pf_blocked *blocked, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct pf_wait *wait = blocked->wait;
    wait->kind = PF_WAIT_UNKNOWN;
    wait->detail = pf_arena_strdup(blocked->survey->arena, text);
    wait->targets = NULL;
    wait->target_count = 0;
    pf_survey_unknown(blocked->survey, "%s: %s", blocked->thread->address, text);
}

struct pf_target *pf_wait_add_target(struct pf_blocked *blocked, const char *object, int64_t fd)
{
    struct pf_wait *wait = blocked->wait;
    struct pf_target *target =
        pf_arena_grow(blocked->survey->arena, &wait->targets, &wait->target_count, sizeof(*target));
    target->object = object;
    target->fd = fd;
    return target;
}

bool pf_blocked_memory(struct pf_blocked *blocked, uint64_t address, void *buffer, size_t size)
{
    int code = pf_proc_memory(blocked->thread->tid, address, buffer, size);
    if (code)
        pf_wait_set_unknown(blocked, "its memory cannot be read: %s", strerror(-code));
    return code == 0;
}

static uint64_t to_ns(int64_t seconds, int64_t nanoseconds)
{
    if (seconds < 0)
        return 0;
    return (uint64_t)seconds > UINT64_MAX / 2000000000u
               ? UINT64_MAX
               : (uint64_t)seconds * 1000000000u + (uint64_t)nanoseconds;
}

static void read_clock(struct pf_blocked *blocked)
{
    const struct pf_call *row = blocked->row;
    struct pf_wait *wait = blocked->wait;
    uint64_t arg = blocked->call->args[row->clock_arg];
    int64_t pair[2] = {0};
    switch (row->clock) {
    case PF_CLOCK_NONE:
        return;
    case PF_CLOCK_MILLISECONDS:
        wait->timed = (int32_t)arg >= 0;
        wait->timeout_ns = wait->timed ? (uint64_t)arg % (1ull << 31) * 1000000u : 0;
        return;
    case PF_CLOCK_DEADLINE:
        wait->timed = arg != 0;
        return;
    case PF_CLOCK_TIMESPEC:
    case PF_CLOCK_TIMEVAL:
        wait->timed = arg != 0;
        /* The limit only informs; that there is one is what counts. */
        if (arg && pf_proc_memory(blocked->thread->tid, arg, pair, sizeof(pair)) == 0)
            wait->timeout_ns = to_ns(pair[0], row->clock == PF_CLOCK_TIMEVAL ? pair[1] * 1000 : pair[1]);
    }
}

static const char *call_name(struct pf_survey *survey, long number)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
    const char *copy =
        name ? pf_arena_strdup(survey->arena, name) : pf_arena_printf(survey->arena, "syscall %ld", number);
    free(name);
    return copy;
}

void pf_call_decode(struct pf_blocked *blocked)
{
    long number = blocked->call->number;
    struct pf_wait *wait = blocked->wait;
    wait->call = call_name(blocked->survey, number);
    if ((size_t)number >= sizeof(calls) / sizeof(calls[0]) || !calls[number].decode) {
        pf_wait_set_unknown(blocked, "blocked in %s, which is not read", wait->call);
        return;
    }
    blocked->row = &calls[number];
    wait->kind = blocked->row->kind;
    read_clock(blocked);
    blocked->row->decode(blocked);
}

void pf_decode_nothing(struct pf_blocked *blocked)
{
    (void)blocked;
}

/* What ends the wait: signals with a handler that are not blocked now, and those that sigwait asked for. */
void pf_decode_signal(struct pf_blocked *blocked)
{
    struct pf_task_status status;
    uint64_t asked = 0;
    bool asks = blocked->call->number == SYS_rt_sigtimedwait;
    if (pf_proc_status(blocked->thread->tid, &status) ||
        (asks && pf_proc_memory(blocked->thread->tid, blocked->call->args[0], &asked, sizeof(asked))))
        return;
    blocked->wait->signals = (status.handlers & ~status.blocked) | asked;
    blocked->wait->pending = status.pending & status.blocked & ~asked;
}

/*
 * After a stop, calls with a time limit go on under a number of their own. The argument registers are still
 * those of the first call; which call that was only the kernel function tells. Only poll, futex and the
 * sleeps go on in this way, and of these only poll can be without a limit.
 */
void pf_decode_restart(struct pf_blocked *blocked)
{
    char function[128];
    pf_proc_wchan(blocked->thread->pid, blocked->thread->tid, function, sizeof(function));
    if (!*function) {
        pf_wait_set_unknown(blocked, "a call that goes on after a stop");
        return;
    }
    struct pf_wait *wait = blocked->wait;
    long number = strstr(function, "futex") ? SYS_futex : SYS_nanosleep;
#ifdef SYS_poll
    if (strstr(function, "poll"))
        number = SYS_poll;
#endif
    blocked->row = &calls[number];
    wait->kind = blocked->row->kind;
    if (number == SYS_nanosleep)
        wait->timed = true; /* relative or absolute, by one call or the other: the arguments do not tell */
    else
        read_clock(blocked);
    blocked->row->decode(blocked);
}
