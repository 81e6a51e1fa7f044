#include "supervise/pace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "probe/procfs.h"
#include "supervise/ending.h"
#include "supervise/lifecycle.h"

enum {
    THREADS_MAX = 32,  /* are told of */
    LOOKED_AT_MAX = 4, /* are looked at closely */
    LOOKS = 200,
    ASLEEP_SHARE = 10, /* who sleeps a tenth of the time or less may be in a loop */
};
static const long LOOK_NS = 100 * 1000;
static const uint64_t LOOKS_NS =
    1000ULL * 1000 * 1000; /* on a busy machine who is to stop must first get a CPU */

struct mark {
    pid_t tid;
    uint64_t run_ns, queued_ns, slices; /* of schedstat */
    uint64_t bytes;
    bool blind; /* the bytes are not known */
};

struct pf_pace {
    uint64_t marked_ns; /* 0: not yet */
    struct mark *marks; /* by tid */
    size_t count;
};

void pf_pace_init(struct pf_run *run)
{
    run->pace = pf_arena_alloc(run->trace->arena, sizeof(*run->pace));
}

uint64_t pf_pace_due(const struct pf_run *run)
{
    bool ahead = run->trial->deadline_ns && run->started_ns && !run->pace->marked_ns;
    return ahead ? run->started_ns + run->trial->deadline_ns / 2 : UINT64_MAX;
}

static struct mark read_mark(const struct pf_task *task)
{
    char line[96];
    struct pf_traffic traffic = {.read = 0};
    struct mark mark = {.tid = task->tid};
    mark.blind = pf_proc_traffic(task->process->pid, &traffic) < 0;
    mark.bytes = traffic.read + traffic.written;
    int fd = pf_proc_open(task->process->pid, task->tid, "schedstat");
    if (fd < 0)
        return mark;
    if (pf_proc_reread(fd, line, sizeof(line)) > 0) {
        char *rest;
        mark.run_ns = strtoull(line, &rest, 10);
        mark.queued_ns = strtoull(rest, &rest, 10);
        mark.slices = strtoull(rest, NULL, 10);
    }
    close(fd);
    return mark;
}

static void add_mark(void *context, struct pf_task *task)
{
    struct pf_run *run = context;
    struct pf_pace *pace = run->pace;
    *(struct mark *)pf_arena_grow(run->trace->arena, &pace->marks, &pace->count, sizeof(struct mark)) =
        read_mark(task);
}

void pf_pace_tick(struct pf_run *run)
{
    if (pf_pace_due(run) > pf_run_now(run))
        return;
    run->pace->marked_ns = pf_run_now(run);
    pf_tasks_each(&run->tasks, add_mark, run);
}

static const struct mark *find_mark(const struct pf_pace *pace, pid_t tid)
{
    for (size_t i = 0; i < pace->count; i++)
        if (pace->marks[i].tid == tid)
            return &pace->marks[i];
    return NULL;
}

static int by_value(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static size_t count_different(uint64_t *values, size_t count)
{
    size_t different = count > 0;
    qsort(values, count, sizeof(*values), by_value);
    for (size_t i = 1; i < count; i++)
        different += values[i] != values[i - 1];
    return different;
}

/* A loop that waits for nothing but a change in memory comes by the same registers again and again; one that
 * computes does not. */
static void look_closely(struct pf_run *run, const struct pf_task *task, struct pf_ev_pace *pace)
{
    uint64_t states[LOOKS];
    size_t looks = 0;
    pid_t tid = task->tid;
    uint64_t now, end = pf_run_now(run) + LOOKS_NS;
    for (; looks < LOOKS && (now = pf_run_now(run)) < end; looks++) {
        struct user_regs_struct registers;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        bool asked;
        if (!pf_ending_stop(run, tid, end - now, &asked) || !asked ||
            ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
            break;
        /* Of a call that was interrupted, what it returns is the interruption's. */
        if ((long)registers.orig_rax >= 0)
            registers.rax = 0;
        states[looks] = XXH3_64bits(&registers, sizeof(registers));
        ptrace(PTRACE_CONT, tid, NULL, NULL);
    }
    pace->looks = looks;
    pace->states = count_different(states, looks);
}

struct list {
    const struct pf_task *tasks[THREADS_MAX];
    size_t count;
};

static void collect(void *context, struct pf_task *task)
{
    struct list *list = context;
    if (list->count < THREADS_MAX && task->started && !task->held && !task->stopped)
        list->tasks[list->count++] = task;
}

static int by_address(const void *left, const void *right)
{
    const struct pf_task *const *a = left, *const *b = right;
    return strverscmp((*a)->address, (*b)->address);
}

void pf_pace_finish(struct pf_run *run)
{
    const struct pf_pace *pace = run->pace;
    struct list list = {.count = 0};
    size_t looked_at = 0;
    if (!pace->marked_ns)
        return;
    uint64_t window = pf_run_now(run) - pace->marked_ns;
    pf_tasks_each(&run->tasks, collect, &list);
    qsort(list.tasks, list.count, sizeof(list.tasks[0]), by_address);
    for (size_t i = 0; i < list.count; i++) {
        const struct pf_task *task = list.tasks[i];
        const struct mark *before = find_mark(pace, task->tid), now = read_mark(task);
        struct pf_ev_pace event = {
            .thread = task->address,
            .window_ns = window,
            .run_ns = now.run_ns - (before ? before->run_ns : 0),
            .queued_ns = now.queued_ns - (before ? before->queued_ns : 0),
            .wakes = now.slices - (before ? before->slices : 0),
            .bytes = now.bytes - (before ? before->bytes : 0),
            .bytes_unknown = now.blind || (before && before->blind),
        };
        /* On a busy machine who never sleeps still does not run all the time. */
        if ((event.run_ns + event.queued_ns) * ASLEEP_SHARE >= window * (ASLEEP_SHARE - 1) &&
            looked_at++ < LOOKED_AT_MAX)
            look_closely(run, task, &event);
        if (event.wakes || event.run_ns)
            pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_PACE, .pace = event});
    }
}
