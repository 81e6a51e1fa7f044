#include "supervise/view.h"

#include <stdlib.h>
#include <string.h>

#include "probe/procfs.h"

static const char *address_of(const struct pf_run *run, pid_t pid)
{
    struct pf_task *task = pf_tasks_find(&run->tasks, pid);
    return task ? task->process->address : NULL;
}

bool pf_view_is_zombie(const struct pf_run *run, const struct pf_process *process)
{
    struct pf_task_stat stat;
    return !process->alive && pf_proc_stat_of(process->pid, process->pid, &stat) == 0 && stat.state == 'Z' &&
           address_of(run, stat.parent);
}

static void add_process(const struct pf_run *run, struct pf_process *process, bool zombie,
                        struct pf_arena *arena, struct pf_probe_process **processes, size_t *count)
{
    struct pf_task_stat stat;
    bool there = pf_proc_stat_of(process->pid, process->pid, &stat) == 0;
    if (zombie && !(there && stat.state == 'Z'))
        return;
    struct pf_probe_process *entry = pf_arena_grow(arena, processes, count, sizeof(*entry));
    *entry = (struct pf_probe_process){.address = process->address,
                                       .parent = there ? address_of(run, stat.parent) : NULL,
                                       .pid = process->pid,
                                       .tree_pid = process->tree_pid,
                                       .timer = process->interval_timer || process->posix_timer,
                                       .zombie = zombie,
                                       .python_handlers = &process->python_handlers};
}

struct collect {
    struct pf_arena *arena;
    struct pf_probe_thread *threads;
    size_t count;
};

static void add_thread(void *context, struct pf_task *task)
{
    struct collect *collect = context;
    struct pf_probe_thread *entry =
        pf_arena_grow(collect->arena, &collect->threads, &collect->count, sizeof(*entry));
    *entry = (struct pf_probe_thread){.address = task->address,
                                      .process = task->process->address,
                                      .tid = task->tid,
                                      .pid = task->process->pid,
                                      .tree_tid = task->tree_tid,
                                      .tree_pid = task->process->tree_pid,
                                      .held = task->held,
                                      .stopped = task->stopped,
                                      .vfork_parent = task->vfork_child,
                                      .vfork_child = task->vfork_child};
}

/* Creation order: "0" < "0/t1" < "0.1" < "0.1/t1" < "0.2" < "0.10". */
static int by_address(const void *left, const void *right)
{
    const struct pf_probe_thread *a = left, *b = right;
    return strverscmp(a->address, b->address);
}

void pf_view_request(struct pf_run *run, struct pf_process *const *ended, size_t ended_count,
                     struct pf_arena *arena, struct pf_probe_request *ret_request)
{
    struct pf_probe_process *processes = NULL;
    size_t process_count = 0;
    for (size_t i = 0; i < run->tasks.process_count; i++)
        if (run->tasks.processes[i]->alive)
            add_process(run, run->tasks.processes[i], false, arena, &processes, &process_count);
    for (size_t i = 0; i < ended_count; i++)
        add_process(run, ended[i], true, arena, &processes, &process_count);

    struct collect collect = {.arena = arena};
    pf_tasks_each(&run->tasks, add_thread, &collect);
    if (collect.count)
        qsort(collect.threads, collect.count, sizeof(*collect.threads), by_address);

    struct pf_probe_dead *dead = pf_arena_alloc(arena, run->tasks.dead_count * sizeof(*dead) + 1);
    for (size_t i = 0; i < run->tasks.dead_count; i++)
        dead[i] = (struct pf_probe_dead){run->tasks.dead[i].address, run->tasks.dead[i].tree_tid,
                                         run->tasks.dead[i].tid};
    *ret_request = (struct pf_probe_request){.processes = processes,
                                             .process_count = process_count,
                                             .threads = collect.threads,
                                             .thread_count = collect.count,
                                             .dead = dead,
                                             .dead_count = run->tasks.dead_count,
                                             .outside = run->outside,
                                             .outside_count = run->outside_count,
                                             .own = run->kept->standing.own};
}
