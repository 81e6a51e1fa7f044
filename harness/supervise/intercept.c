#include "supervise/intercept.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "faults/strike.h"
#include "pitfall/point.h"
#include "supervise/handlers.h"
#include "supervise/names.h"
#include "supervise/nesting.h"
#include "supervise/pidfd.h"
#include "supervise/shm.h"

enum { NAME_MAX_BYTES = 64, PAGE_BYTES = 4096 };

union notification {
    struct seccomp_notif fields;
    char room[256];
};

void pf_intercept_answer(struct pf_run *run, struct pf_task *task, uint64_t notification,
                         const struct pf_answer *answer)
{
    (void)task;
    if (answer->skip)
        pf_strike_return(run->launched.notify_fd, notification, answer->value, answer->error);
    else
        pf_strike_continue(run->launched.notify_fd, notification);
}

/* Reads at most size bytes; a piece at a time, because the next page may not be there. */
static size_t read_memory(pid_t pid, uint64_t address, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t piece = PAGE_BYTES - (address + done) % PAGE_BYTES;
        if (piece > size - done)
            piece = size - done;
        struct iovec local = {(char *)buffer + done, piece};
        struct iovec remote = {(void *)(address + done), piece}; // NOLINT(performance-no-int-to-ptr)
        if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != (ssize_t)piece)
            break;
        done += piece;
    }
    return done;
}

/* The caller may have died and its pid may be another's by now: what was read counts only if it still waits.
 */
static bool still_waits(const struct pf_run *run, const struct pf_grip *grip)
{
    uint64_t id = grip->notification;
    return grip->kind != PF_GRIP_NOTIFICATION ||
           ioctl(run->launched.notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static const char *read_name(struct pf_run *run, pid_t pid, uint64_t address)
{
    char name[NAME_MAX_BYTES];
    size_t length = strnlen(name, read_memory(pid, address, name, sizeof(name)));
    return length < sizeof(name) ? pf_arena_strndup(run->trace->arena, name, length) : NULL;
}

static uint64_t count_point(struct pf_run *run, struct pf_process *process, const char *name)
{
    for (size_t i = 0; i < process->point_count; i++)
        if (strcmp(process->points[i].name, name) == 0)
            return ++process->points[i].count;
    struct pf_count *count =
        pf_arena_grow(run->trace->arena, &process->points, &process->point_count, sizeof(*process->points));
    *count = (struct pf_count){.name = name, .count = 1};
    return 1;
}

/* A point or a ledger entry. Outside the harness the kernel says EINVAL, and so it does here. */
static bool serve_mark(struct pf_run *run, struct pf_task *task, const struct pf_call *call,
                       struct pf_grip *grip)
{
    grip->answer = (struct pf_answer){.skip = true, .error = EINVAL};
    const char *name = read_name(run, task->tid, call->arguments[2]);
    if (!name || !still_waits(run, grip))
        return true;
    if (call->arguments[1] == PITFALL_PRCTL_LEDGER) {
        struct pf_ev_ledger ledger = {.thread = task->address, .book = name, .id = call->arguments[3]};
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_LEDGER, .ledger = ledger});
        return true;
    }
    if (call->arguments[1] != PITFALL_PRCTL_POINT)
        return true;
    struct pf_ev_point point = {
        .thread = task->address, .name = name, .count = count_point(run, task->process, name)};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_POINT, .point = point});
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_POINT,
                                       .process = task->process,
                                       .task = task,
                                       .at = pf_arena_printf(run->trace->arena, "point=%s", name),
                                       .point = name};
    return pf_inject_meet(run, &occurrence, grip);
}

static void emit_timer(struct pf_run *run, const struct pf_process *process)
{
    struct pf_ev_timer timer = {.process = process->address,
                                .armed = process->interval_timer || process->posix_timer};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_TIMER, .timer = timer});
}

static void note_interval_timer(struct pf_run *run, struct pf_task *task, uint64_t address)
{
    struct itimerval value;
    bool known = read_memory(task->tid, address, &value, sizeof(value)) == sizeof(value);
    task->process->interval_timer = !known || value.it_value.tv_sec || value.it_value.tv_usec;
    task->process->one_shot = known && !value.it_interval.tv_sec && !value.it_interval.tv_usec;
    emit_timer(run, task->process);
}

static void note_posix_timer(struct pf_run *run, struct pf_task *task, uint64_t address)
{
    struct itimerspec value;
    bool known = read_memory(task->tid, address, &value, sizeof(value)) == sizeof(value);
    /* Which of several timers was cleared is not followed: once one was set, one may fire. */
    if (known && !value.it_value.tv_sec && !value.it_value.tv_nsec)
        return;
    task->process->posix_timer = true;
    emit_timer(run, task->process);
}

static void note_kill(struct pf_run *run, const struct pf_task *task, const struct pf_call *call)
{
    struct pf_process *target = NULL;
    int64_t number = (int32_t)call->arguments[0];
    if (call->number == SYS_pidfd_send_signal) {
        struct pf_task *named =
            pf_tasks_find(&run->tasks, pf_pidfd_names(task->process->pid, (int)call->arguments[0]));
        target = named ? named->process : NULL;
        number = target ? target->tree_pid : 0;
    } else if (number > 0 && !task->process->nested) {
        target = pf_tasks_process_by_tree_pid(&run->tasks, (pid_t)number);
    }
    struct pf_ev_kill kill = {
        .thread = task->address, .target = number, .process = target ? target->address : NULL};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_KILL, .kill = kill});
}

/* What the judge has to know of, whatever the plan says about the call. */
static void observe(struct pf_run *run, struct pf_task *task, const struct pf_call *call)
{
    switch (call->number) {
#ifdef SYS_alarm
    case SYS_alarm:
        task->process->interval_timer = task->process->one_shot = (uint32_t)call->arguments[0] != 0;
        emit_timer(run, task->process);
        break;
#endif
    case SYS_prctl:
        if ((uint32_t)call->arguments[0] == PR_SET_PDEATHSIG) {
            struct pf_ev_bond bond = {.process = task->process->address,
                                      .number = (uint32_t)call->arguments[1]};
            pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_BOND, .bond = bond});
        }
        break;
    case SYS_openat:
        pf_shm_note_open(run, task, call);
        break;
#ifdef SYS_unlink
    case SYS_unlink:
        pf_shm_note_remove(run, task, call);
        break;
#endif
    case SYS_rt_sigaction:
        pf_handlers_note(run, task, call);
        break;
    case SYS_setitimer:
        note_interval_timer(run, task, call->arguments[1]);
        break;
    case SYS_timer_settime:
        note_posix_timer(run, task, call->arguments[2]);
        break;
    case SYS_kill:
    case SYS_tkill:
    case SYS_rt_sigqueueinfo:
    case SYS_pidfd_send_signal:
        if ((int)call->arguments[1] == SIGKILL)
            note_kill(run, task, call);
        break;
    case SYS_tgkill:
        if ((int)call->arguments[2] == SIGKILL)
            note_kill(run, task, call);
        break;
    case SYS_unshare:
    case SYS_setns:
        pf_nesting_note(task, call);
        break;
    default:
        break;
    }
}

static bool serve_call(struct pf_run *run, struct pf_task *task, const struct pf_call *call,
                       struct pf_grip *grip)
{
    observe(run, task, call);
    run->launched.spent |= pf_filter_lasts(run->kept->filter, call->number, call->arguments);
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_SYSCALL,
                                       .process = task->process,
                                       .task = task,
                                       .call = call,
                                       .at = pf_call_name(call->number)};
    return pf_inject_meet(run, &occurrence, grip);
}

bool pf_intercept_call(struct pf_run *run, struct pf_task *task, const struct pf_call *call,
                       struct pf_grip *grip)
{
    /* What the harness itself does between the filter and the program's exec is not the program's. */
    if (!task->process->execed)
        return true;
    bool mark = call->number == SYS_prctl && (uint32_t)call->arguments[0] == PITFALL_PRCTL;
    return mark ? serve_mark(run, task, call, grip) : serve_call(run, task, call, grip);
}

static void serve(struct pf_run *run, const struct seccomp_notif *notice)
{
    struct pf_grip grip = {.kind = PF_GRIP_NOTIFICATION, .notification = notice->id};
    struct pf_task *task = pf_tasks_find(&run->tasks, (pid_t)notice->pid);
    struct pf_call call = {.number = notice->data.nr};
    for (size_t i = 0; i < PF_CALL_ARGUMENTS; i++)
        call.arguments[i] = notice->data.args[i];
    if (!task || pf_intercept_call(run, task, &call, &grip))
        pf_intercept_answer(run, task, notice->id, &grip.answer);
}

void pf_intercept_serve(struct pf_run *run)
{
    union notification notice = {.room = {0}};
    if (ioctl(run->launched.notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
        return; /* the caller died meanwhile */
    run->moved_ns = pf_run_now(run);
    serve(run, &notice.fields);
}
