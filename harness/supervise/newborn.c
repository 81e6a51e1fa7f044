#include "supervise/newborn.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "probe/procfs.h"
#include "supervise/birth.h"

/* The maker stops for the news right after the newborn has begun to run. If this one is too short for a busy
 * machine, nothing is lost: the news comes to somebody who is known. */
static const uint64_t NEWS_NS = 50ULL * 1000 * 1000;

void pf_newborn_wait(struct pf_run *run, pid_t tid)
{
    struct pf_newborn *newborn =
        pf_arena_grow(run->trace->arena, &run->newborns, &run->newborn_count, sizeof(*newborn));
    *newborn = (struct pf_newborn){.tid = tid, .since_ns = pf_run_now(run)};
}

bool pf_newborn_forget(struct pf_run *run, pid_t tid)
{
    for (size_t i = 0; i < run->newborn_count; i++)
        if (run->newborns[i].tid == tid) {
            run->newborns[i] = run->newborns[--run->newborn_count];
            return true;
        }
    return false;
}

/* A thread ends with its maker's process, so only processes are left alone. */
static bool is_process(const struct pf_newborn *newborn)
{
    return syscall(SYS_tgkill, newborn->tid, newborn->tid, 0) == 0;
}

uint64_t pf_newborn_due(const struct pf_run *run)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < run->newborn_count; i++)
        if (run->newborns[i].since_ns + NEWS_NS < due && is_process(&run->newborns[i]))
            due = run->newborns[i].since_ns + NEWS_NS;
    return due;
}

/* Its parent as the kernel has it now; if that is the init of the containment, the process that ended last.
 */
static struct pf_process *parent_of(const struct pf_run *run, pid_t pid)
{
    struct pf_task_stat stat = {.parent = 0};
    pf_proc_stat_of(pid, pid, &stat);
    const struct pf_task *task = pf_tasks_find(&run->tasks, stat.parent);
    if (task)
        return task->process;
    return run->last_ended ? run->last_ended : run->root;
}

void pf_newborn_tick(struct pf_run *run)
{
    uint64_t now = run->newborn_count ? pf_run_now(run) : 0;
    for (size_t i = run->newborn_count; i-- > 0;) {
        struct pf_newborn newborn = run->newborns[i];
        bool in_vain = run->tasks.living == 0 || newborn.since_ns + NEWS_NS <= now;
        if (!in_vain || !is_process(&newborn))
            continue;
        pf_newborn_forget(run, newborn.tid);
        pf_birth_adopt(run, parent_of(run, newborn.tid), newborn.tid);
    }
}
