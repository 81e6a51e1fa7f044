#include "supervise/found.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 32 }; /* PID namespaces nest no deeper */

/* The numbers of a thread, from the namespace of the reader to its own. Returns how many. */
static size_t read_numbers(pid_t pid, pid_t tid, pid_t numbers[LEVELS])
{
    char path[80], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
    const char *line = pf_proc_read(path, text, sizeof(text)) > 0 ? strstr(text, "\nNSpid:") : NULL;
    size_t count = 0;
    for (const char *at = line ? line + strlen("\nNSpid:") : NULL; at && count < LEVELS;) {
        char *rest;
        long number = strtol(at, &rest, 10);
        if (rest == at || *at == '\n')
            break;
        numbers[count++] = (pid_t)number;
        at = *rest == '\n' ? NULL : rest;
    }
    return count;
}

/* How a thread is called in the PID namespace of the tree's root, `level` deep from here. */
static pid_t number_in_tree(pid_t pid, pid_t tid, size_t level)
{
    pid_t numbers[LEVELS];
    return level > 1 && read_numbers(pid, tid, numbers) >= level ? numbers[level - 1] : tid;
}

static size_t level_of(const struct pf_found *found)
{
    pid_t numbers[LEVELS];
    return found->process_count ? read_numbers(found->processes[0]->pid, found->processes[0]->pid, numbers)
                                : 1;
}

static struct pf_found_process *find(const struct pf_found *found, pid_t pid, uint64_t start)
{
    for (size_t i = 0; i < found->process_count; i++)
        if (found->processes[i]->pid == pid && found->processes[i]->start == start)
            return found->processes[i];
    return NULL;
}

static struct pf_found_process *find_here(const struct pf_found *found, pid_t pid)
{
    for (size_t i = 0; i < found->process_count; i++)
        if (found->processes[i]->pid == pid && found->processes[i]->here)
            return found->processes[i];
    return NULL;
}

static bool is_asked_for(const struct pf_found *found, pid_t pid)
{
    for (size_t i = 0; i < found->pid_count; i++)
        if (found->pids[i] == pid)
            return true;
    return false;
}

static size_t count_roots(const struct pf_found *found)
{
    size_t count = 0;
    for (size_t i = 0; i < found->process_count; i++)
        count += !found->processes[i]->parent;
    return count;
}

static void take_process(struct pf_found *found, const struct pf_person *person,
                         struct pf_found_process *parent)
{
    struct pf_found_process *process = find(found, person->pid, person->stat.start);
    if (!process) {
        process = pf_arena_alloc(found->arena, sizeof(*process));
        *process = (struct pf_found_process){
            .pid = person->pid, .start = person->stat.start, .parent = parent, .news = true};
        process->address = parent
                               ? pf_arena_printf(found->arena, "%s.%zu", parent->address, ++parent->children)
                               : pf_arena_printf(found->arena, "%zu", count_roots(found));
        *(struct pf_found_process **)pf_arena_grow(found->arena, &found->processes, &found->process_count,
                                                   sizeof(process)) = process;
        found->births++;
    }
    process->here = true;
    process->ended = person->stat.state == 'Z' || person->stat.state == 'X';
}

static struct pf_found_thread *take_thread(struct pf_found *found, struct pf_found_process *process,
                                           pid_t tid)
{
    for (size_t i = 0; i < process->thread_count; i++)
        if (process->threads[i]->tid == tid)
            return process->threads[i];
    struct pf_found_thread *thread = pf_arena_alloc(found->arena, sizeof(*thread));
    *thread = (struct pf_found_thread){.tid = tid, .news = true};
    thread->address = tid == process->pid ? process->address
                                          : pf_arena_printf(found->arena, "%s/t%zu", process->address,
                                                            ++process->threads_made);
    *(struct pf_found_thread **)pf_arena_grow(found->arena, &process->threads, &process->thread_count,
                                              sizeof(thread)) = thread;
    found->births++;
    return thread;
}

static int by_number(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;
    return (a > b) - (a < b);
}

/* The threads in the order of their numbers, which is that of their births as long as numbers do not wrap. */
static void look_at_threads(struct pf_found *found, struct pf_found_process *process, size_t level)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", process->pid);
    DIR *directory = opendir(path);
    pid_t *tids = NULL;
    size_t count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (atoi(entry->d_name) > 0)
            *(pid_t *)pf_arena_grow(found->arena, &tids, &count, sizeof(pid_t)) = atoi(entry->d_name);
    if (directory)
        closedir(directory);
    if (count)
        qsort(tids, count, sizeof(*tids), by_number);
    for (size_t i = 0; i < count; i++) {
        struct pf_found_thread *thread = take_thread(found, process, tids[i]);
        thread->here = true;
        if (thread->news && !thread->tree_tid)
            thread->tree_tid = number_in_tree(process->pid, tids[i], level);
    }
}

static int by_birth(const void *left, const void *right)
{
    const struct pf_person *const *a = left, *const *b = right;
    if ((*a)->stat.start != (*b)->stat.start)
        return ((*a)->stat.start > (*b)->stat.start) - ((*a)->stat.start < (*b)->stat.start);
    return ((*a)->pid > (*b)->pid) - ((*a)->pid < (*b)->pid);
}

static bool descends_from_asked(const struct pf_found *found, const struct pf_census *census,
                                const struct pf_person *person)
{
    for (size_t depth = 0; depth <= census->count; depth++) {
        person = pf_census_find(census, person->stat.parent);
        if (!person)
            return false;
        if (is_asked_for(found, person->pid))
            return true;
    }
    return false;
}

/* Parents are older than their children, so one pass in the order of births finds everybody. */
static void take_all(struct pf_found *found, const struct pf_census *census)
{
    const struct pf_person **people = pf_arena_alloc(found->arena, (census->count + 1) * sizeof(*people));
    for (size_t i = 0; i < census->count; i++)
        people[i] = &census->people[i];
    qsort(people, census->count, sizeof(struct pf_person *), by_birth);
    bool found_more = true;
    /* An orphan may have been adopted by somebody younger; then it takes one more. */
    while (found_more) {
        found_more = false;
        for (size_t i = 0; i < census->count; i++) {
            const struct pf_person *person = people[i];
            if (person->pid == getpid() || find_here(found, person->pid))
                continue;
            struct pf_found_process *parent = find_here(found, person->stat.parent);
            if (parent || (is_asked_for(found, person->pid) && !descends_from_asked(found, census, person))) {
                take_process(found, person, parent);
                found_more = true;
            }
        }
    }
}

static size_t count_threads_here(const struct pf_found_process *process)
{
    size_t count = 0;
    for (size_t k = 0; k < process->thread_count; k++)
        count += process->threads[k]->here;
    return count;
}

static size_t count_here(const struct pf_found *found)
{
    size_t count = 0;
    for (size_t i = 0; i < found->process_count; i++) {
        count += found->processes[i]->here;
        count += count_threads_here(found->processes[i]);
    }
    return count;
}

int pf_found_look(struct pf_found *found)
{
    struct pf_census census;
    int r = pf_census_read(found->arena, NULL, &census);
    if (r < 0)
        return r;
    size_t before = count_here(found);
    found->births = 0;
    for (size_t i = 0; i < found->process_count; i++) {
        found->processes[i]->here = false;
        for (size_t k = 0; k < found->processes[i]->thread_count; k++)
            found->processes[i]->threads[k]->here = false;
    }
    take_all(found, &census);
    size_t level = level_of(found), roots = 0;
    for (size_t i = 0; i < found->process_count; i++) {
        struct pf_found_process *process = found->processes[i];
        if (!process->here)
            continue;
        roots += !process->parent;
        if (!process->tree_pid)
            process->tree_pid = number_in_tree(process->pid, process->pid, level);
        look_at_threads(found, process, level);
        process->zombie = process->ended && count_threads_here(process) <= 1;
    }
    found->deaths = before + found->births - count_here(found);
    return roots ? 0 : -ESRCH;
}

/* The child that a thread in vfork waits for has its parent's memory, and no other child has. */
static const struct pf_found_process *borrower(const struct pf_found *found,
                                               const struct pf_found_process *process)
{
    const struct pf_found_process *only = NULL;
    for (size_t i = 0; i < found->process_count; i++) {
        const struct pf_found_process *child = found->processes[i];
        if (!child->here || child->zombie || child->parent != process ||
            !pf_proc_same_memory(child->pid, process->pid))
            continue;
        if (only)
            return NULL;
        only = child;
    }
    return only;
}

static bool is_in_vfork(pid_t pid, pid_t tid)
{
    struct pf_task_stat stat;
    return pf_proc_stat_of(pid, tid, &stat) == 0 && stat.state == 'D';
}

static void request_thread(const struct pf_found *found, const struct pf_found_process *process,
                           const struct pf_found_thread *thread, struct pf_probe_thread *ret_thread)
{
    const struct pf_found_process *child =
        is_in_vfork(process->pid, thread->tid) ? borrower(found, process) : NULL;
    *ret_thread = (struct pf_probe_thread){.address = thread->address,
                                           .process = process->address,
                                           .tid = thread->tid,
                                           .pid = process->pid,
                                           .tree_tid = thread->tree_tid,
                                           .tree_pid = process->tree_pid,
                                           .vfork_parent = child,
                                           .vfork_child = child ? child->address : NULL};
}

static int by_process_address(const void *left, const void *right)
{
    const struct pf_probe_process *a = left, *b = right;
    return strverscmp(a->address, b->address);
}

static int by_thread_address(const void *left, const void *right)
{
    const struct pf_probe_thread *a = left, *b = right;
    return strverscmp(a->address, b->address);
}

void pf_found_request(const struct pf_found *found, struct pf_arena *arena,
                      struct pf_probe_request *ret_request)
{
    struct pf_probe_process *processes = NULL;
    struct pf_probe_thread *threads = NULL;
    size_t process_count = 0, thread_count = 0;
    for (size_t i = 0; i < found->process_count; i++) {
        const struct pf_found_process *process = found->processes[i];
        if (!process->here)
            continue;
        struct pf_probe_process *entry = pf_arena_grow(arena, &processes, &process_count, sizeof(*entry));
        *entry = (struct pf_probe_process){.address = process->address,
                                           .parent = process->parent ? process->parent->address : NULL,
                                           .pid = process->pid,
                                           .tree_pid = process->tree_pid,
                                           .zombie = process->zombie};
        for (size_t k = 0; k < process->thread_count; k++)
            if (process->threads[k]->here && !process->zombie)
                request_thread(found, process, process->threads[k],
                               pf_arena_grow(arena, &threads, &thread_count, sizeof(*threads)));
    }
    if (process_count)
        qsort(processes, process_count, sizeof(*processes), by_process_address);
    if (thread_count)
        qsort(threads, thread_count, sizeof(*threads), by_thread_address);
    *ret_request = (struct pf_probe_request){.processes = processes,
                                             .process_count = process_count,
                                             .threads = threads,
                                             .thread_count = thread_count,
                                             .found = true};
}
