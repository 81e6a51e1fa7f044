#include "supervise/ending.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/probe.h"
#include "probe/procfs.h"
#include "supervise/lifecycle.h"
#include "supervise/output.h"

enum { STACKS_MAX = 32 };
/* A thread comes to a stop as soon as it gets a processor, which takes a busy machine its time; one in an
 * uninterruptible call (vfork, a disk) may never. */
static const uint64_t STOP_NS = 5000ULL * 1000 * 1000;
static const uint64_t UNINTERRUPTIBLE_NS = 20ULL * 1000 * 1000;
static const uint64_t STACKS_NS = 10000ULL * 1000 * 1000; /* for all of them: the reader waits */
static const uint64_t LOOK_NS = 1000ULL * 1000 * 1000;    /* for the init, to see that the tree has ended */
static const uint64_t KILL_NS =
    10ULL * 1000 * 1000 * 1000; /* a process in an uninterruptible call outlives SIGKILL */

/* Sleeps until a ptrace stop or a death waits, or the time is over. */
static void await_event(const struct pf_run *run, int timeout_ms)
{
    struct pollfd ready = {.fd = run->events_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&ready, 1, timeout_ms) == 1 && read(run->events_fd, &info, sizeof(info)) < 0)
        return;
}

bool pf_ending_stop(struct pf_run *run, pid_t tid, uint64_t within_ns, bool *ret_asked)
{
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return false;
    uint64_t end = pf_run_now(run) + within_ns;
    do {
        int status;
        pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
        /* SIGKILL does not reach who is in its last stop: nobody else would let it go. */
        if (got == tid && status >> 16 == PTRACE_EVENT_EXIT) {
            pf_lifecycle_take(run, tid, status);
            return false;
        }
        if (got == tid && WIFSTOPPED(status)) {
            *ret_asked = status >> 16 == PTRACE_EVENT_STOP;
            return true;
        }
        if (got == tid)
            pf_lifecycle_take(run, tid, status);
        if (got != 0)
            return false;
        await_event(run, 1);
    } while (pf_run_now(run) < end);
    return false;
}

struct list {
    struct pf_arena *arena;
    const struct pf_task **tasks;
    size_t count;
};

static void collect(void *context, struct pf_task *task)
{
    struct list *list = context;
    if (task->started && !task->held && !task->stopped)
        *(const struct pf_task **)pf_arena_grow(list->arena, &list->tasks, &list->count, sizeof(task)) = task;
}

/* The threads of a process together, so that its files are read once. */
static int by_process(const void *left, const void *right)
{
    const struct pf_task *const *a = left, *const *b = right;
    int order = strverscmp((*a)->process->address, (*b)->process->address);
    return order ? order : strverscmp((*a)->address, (*b)->address);
}

/* 0: it stops no more. A first thread that has left stays a zombie until the others have ended. */
static uint64_t patience_with(const struct pf_task *task)
{
    struct pf_task_stat stat;
    if (pf_proc_stat_of(task->process->pid, task->tid, &stat))
        return STOP_NS;
    return stat.state == 'Z' ? 0 : stat.state == 'D' ? UNINTERRUPTIBLE_NS : STOP_NS;
}

void pf_ending_stacks(struct pf_run *run)
{
    struct pf_arena *arena = run->trace->arena;
    struct list list = {.arena = arena};
    pf_tasks_each(&run->tasks, collect, &list);
    if (list.count)
        qsort(list.tasks, list.count, sizeof(struct pf_task *), by_process);
    struct pf_stacks *stacks = NULL;
    const struct pf_process *opened = NULL;
    uint64_t end = pf_run_now(run) + STACKS_NS;
    for (size_t i = 0; i < list.count && i < STACKS_MAX && pf_run_now(run) < end; i++) {
        const struct pf_task *task = list.tasks[i];
        struct pf_ev_stack stack = {.thread = task->address};
        const struct pf_process *process = task->process;
        pid_t tid = task->tid;
        bool asked;
        uint64_t patience = patience_with(task);
        if (patience == 0 || !pf_ending_stop(run, tid, patience, &asked))
            continue;
        if (process != opened) {
            pf_stacks_close(stacks);
            stacks = pf_stacks_open(tid);
            opened = process;
        }
        if (pf_stacks_read(stacks, tid, arena, &stack.frames, &stack.frame_count) == 0)
            pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_STACK, .stack = stack});
    }
    pf_stacks_close(stacks);
}

static void kill_one(void *context, struct pf_task *task)
{
    (void)context;
    kill(task->process->pid, SIGKILL);
}

/* Hears, at most for a while, whether the init has seen the end of the tree. */
static void await_end(struct pf_run *run, int timeout_ms)
{
    struct pollfd sources[] = {{.fd = run->events_fd, .events = POLLIN},
                               {.fd = run->launched.containment->socket, .events = POLLIN}};
    struct signalfd_siginfo info;
    if (poll(sources, 2, timeout_ms) <= 0)
        return;
    if (sources[0].revents && read(run->events_fd, &info, sizeof(info)) < 0)
        return;
    if (sources[1].revents)
        run->launched.ended = pf_containment_hear(run->launched.containment, 0, NULL) == PF_WORD_END;
}

static bool has_init(const struct pf_run *run)
{
    return run->launched.containment->init > 0;
}

/* Where changes in the containment are watched, the init looks only if it is asked. Returns whether there is
 * nothing to look at. */
static bool ask_init(struct pf_run *run)
{
    struct pf_launched *launched = &run->launched;
    struct pf_child_report *report = &launched->containment->sheet->report;
    if (!report->watched)
        return false;
    if (run->tasks.task_count == 0 && !launched->spent &&
        pf_containment_is_untouched(launched->containment, launched->root, &launched->spent)) {
        launched->ended = report->untouched = true;
        return true;
    }
    pf_containment_say(launched->containment, PF_WORD_LOOK);
    return false;
}

/*
 * An init whose tree has ended looks at what is left, and says so. A tree that has not is killed one by one,
 * if the containment is to be kept; otherwise, and where that takes too long, with the init.
 */
static void end_tree(struct pf_run *run)
{
    uint64_t end = pf_run_now(run) + LOOK_NS;
    run->killed = run->tasks.task_count > 0;
    if (ask_init(run))
        return;
    if (run->launched.containment->level == PF_LEVEL_SUBREAPER ||
        (run->killed && !(run->watcher && run->watcher->kept)))
        return;
    while (has_init(run) && !run->launched.ended && pf_run_now(run) < end) {
        pf_tasks_each(&run->tasks, kill_one, NULL);
        pf_output_serve(run);
        if (pf_lifecycle_serve(run) == 0)
            await_end(run, 10);
    }
}

int pf_ending_kill(struct pf_run *run, struct pf_error *error)
{
    bool subreaper = run->launched.containment->level == PF_LEVEL_SUBREAPER;
    pid_t init = run->launched.containment->init;
    end_tree(run);
    uint64_t end = pf_run_now(run) + KILL_NS;
    if (has_init(run) && !run->launched.ended && (!subreaper || run->tasks.task_count == 0))
        kill(init, SIGKILL);
    while (run->tasks.task_count > 0 || (has_init(run) && !run->launched.ended)) {
        /* Without a namespace a newborn may still come out of a fork that was under way. */
        if (subreaper)
            pf_tasks_each(&run->tasks, kill_one, NULL);
        if (run->tasks.task_count == 0 && has_init(run))
            kill(init, SIGKILL);
        pf_output_serve(run);
        if (pf_lifecycle_serve(run) == 0)
            await_event(run, 10);
        if (pf_run_now(run) > end)
            return pf_error_set(
                error, -ETIMEDOUT,
                "a process of the tree did not end %llu s after SIGKILL: it is in an uninterruptible "
                "system call (a dead network file system, a broken device)",
                (unsigned long long)(KILL_NS / 1000000000ULL));
    }
    pf_output_serve(run);
    return 0;
}
