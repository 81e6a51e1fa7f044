#include "supervise/tasks.h"

#include <string.h>

enum { FIRST_BUCKETS = 64 };

void pf_tasks_init(struct pf_tasks *tasks, struct pf_arena *arena)
{
    *tasks = (struct pf_tasks){.arena = arena, .bucket_count = FIRST_BUCKETS};
    tasks->buckets = pf_arena_alloc(arena, FIRST_BUCKETS * sizeof(struct pf_task *));
}

static struct pf_task **bucket_of(const struct pf_tasks *tasks, pid_t tid)
{
    return &tasks->buckets[(size_t)tid % tasks->bucket_count];
}

static void link_task(struct pf_tasks *tasks, struct pf_task *task)
{
    struct pf_task **bucket = bucket_of(tasks, task->tid);
    task->next = *bucket;
    *bucket = task;
}

static void unlink_task(struct pf_tasks *tasks, struct pf_task *task)
{
    for (struct pf_task **link = bucket_of(tasks, task->tid); *link; link = &(*link)->next)
        if (*link == task) {
            *link = task->next;
            return;
        }
}

static void grow(struct pf_tasks *tasks)
{
    struct pf_task **old = tasks->buckets;
    size_t old_count = tasks->bucket_count;
    tasks->bucket_count *= 2;
    tasks->buckets = pf_arena_alloc(tasks->arena, tasks->bucket_count * sizeof(struct pf_task *));
    for (size_t i = 0; i < old_count; i++)
        for (struct pf_task *task = old[i], *next; task; task = next) {
            next = task->next;
            link_task(tasks, task);
        }
}

static struct pf_task *add_task(struct pf_tasks *tasks, struct pf_process *process, pid_t tid, pid_t tree_tid,
                                const char *address)
{
    if (tasks->task_count >= tasks->bucket_count)
        grow(tasks);
    struct pf_task *task = tasks->spare;
    if (task)
        tasks->spare = task->next;
    else
        task = pf_arena_alloc(tasks->arena, sizeof(*task));
    *task = (struct pf_task){.tid = tid, .tree_tid = tree_tid, .address = address, .process = process};
    link_task(tasks, task);
    tasks->task_count++;
    process->threads++;
    return task;
}

struct pf_task *pf_tasks_find(const struct pf_tasks *tasks, pid_t tid)
{
    for (struct pf_task *task = *bucket_of(tasks, tid); task; task = task->next)
        if (task->tid == tid)
            return task;
    return NULL;
}

struct pf_process *pf_tasks_process_by_tree_pid(const struct pf_tasks *tasks, pid_t tree_pid)
{
    for (size_t i = tasks->process_count; i-- > 0;)
        if (tasks->processes[i]->tree_pid == tree_pid)
            return tasks->processes[i];
    return NULL;
}

struct pf_process *pf_tasks_process(const struct pf_tasks *tasks, const char *address)
{
    for (size_t i = 0; i < tasks->process_count; i++)
        if (strcmp(tasks->processes[i]->address, address) == 0)
            return tasks->processes[i];
    return NULL;
}

struct pf_task *pf_tasks_add_process(struct pf_tasks *tasks, struct pf_process *maker, pid_t pid,
                                     pid_t tree_pid, size_t counters)
{
    struct pf_process *process = pf_arena_alloc(tasks->arena, sizeof(*process));
    const char *address =
        maker ? pf_arena_printf(tasks->arena, "%s.%zu", maker->address, ++maker->children) : "0";
    *process = (struct pf_process){.address = address,
                                   .maker = maker,
                                   .pid = pid,
                                   .tree_pid = tree_pid,
                                   .execed = maker && maker->execed,
                                   .alive = true,
                                   .traffic_fd = -1,
                                   .counts = pf_arena_alloc(tasks->arena, (counters + 1) * sizeof(uint64_t))};
    *(struct pf_process **)pf_arena_grow(tasks->arena, &tasks->processes, &tasks->process_count,
                                         sizeof(process)) = process;
    tasks->living++;
    return add_task(tasks, process, pid, tree_pid, address);
}

struct pf_task *pf_tasks_add_thread(struct pf_tasks *tasks, struct pf_process *process, pid_t tid,
                                    pid_t tree_tid)
{
    const char *address = pf_arena_printf(tasks->arena, "%s/t%zu", process->address, ++process->threads_made);
    return add_task(tasks, process, tid, tree_tid, address);
}

void pf_tasks_remove(struct pf_tasks *tasks, struct pf_task *task)
{
    struct pf_dead_task *dead = pf_arena_grow(tasks->arena, &tasks->dead, &tasks->dead_count, sizeof(*dead));
    *dead = (struct pf_dead_task){.address = task->address, .tree_tid = task->tree_tid, .tid = task->tid};
    unlink_task(tasks, task);
    tasks->task_count--;
    struct pf_process *process = task->process;
    process->threads--;
    if (process->threads == 0) {
        process->alive = false;
        tasks->living--;
    }
    task->next = tasks->spare;
    tasks->spare = task;
}

void pf_tasks_rename(struct pf_tasks *tasks, struct pf_task *task, pid_t tid, pid_t tree_tid,
                     const char *address)
{
    unlink_task(tasks, task);
    task->tid = tid;
    task->tree_tid = tree_tid;
    task->address = address;
    link_task(tasks, task);
}

void pf_tasks_each(struct pf_tasks *tasks, void (*visit)(void *context, struct pf_task *task), void *context)
{
    for (size_t i = 0; i < tasks->bucket_count; i++)
        for (struct pf_task *task = tasks->buckets[i], *next; task; task = next) {
            next = task->next;
            visit(context, task);
        }
}
