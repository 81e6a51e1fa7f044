#include "supervise/limit.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "model/resource.h"
#include "supervise/descriptors.h"
#include "supervise/names.h"
#include "supervise/quiet.h"

/*
 * The soft limit in force; 0: it could not be read. Of another user's process the call takes
 * CAP_SYS_RESOURCE, which root in a container lacks; the file has one line for each resource, in the order of
 * their numbers.
 */
static uint64_t limit_of(pid_t pid, int resource)
{
    enum { NAME_WIDTH = 26 };
    struct rlimit limit;
    if (prlimit(pid, (__rlimit_resource_t)resource, NULL, &limit) == 0)
        return limit.rlim_cur;
    char path[32], line[128] = "";
    snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    FILE *limits = fopen(path, "re");
    for (int i = -1; limits && i <= resource; i++)
        if (!fgets(line, sizeof(line), limits))
            line[0] = '\0';
    if (limits)
        fclose(limits);
    return strlen(line) > NAME_WIDTH ? strtoull(line + NAME_WIDTH, NULL, 10) : 0;
}

static bool has_free_descriptor(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    uint64_t limit = limit_of(pid, RLIMIT_NOFILE), taken = 0;
    DIR *descriptors = opendir(path);
    for (const struct dirent *entry; descriptors && (entry = readdir(descriptors));)
        taken += entry->d_name[0] != '.' && strtoull(entry->d_name, NULL, 10) < limit;
    if (descriptors)
        closedir(descriptors);
    return taken < limit;
}

/* Which of the plan's limits the call has met, or NULL. */
static const struct pf_limit_watch *find_watch(const struct pf_run *run, pid_t pid, int call, int error)
{
    const struct pf_limit_watch *watch = NULL;
    while ((watch = pf_limit_watch_find(call, error, watch))) {
        if (!pf_filter_plans_limit(run->trial, watch->resource))
            continue;
        /* mq_open says EMFILE for want of a descriptor, and for want of room for messages. */
        if (call != SYS_mq_open || has_free_descriptor(pid) == (strcmp(watch->resource, "msgqueue") == 0))
            break;
    }
    return watch;
}

/* The living process that made this one; NULL: none. Its address is the beginning of the other's. */
static const struct pf_process *maker_of(const struct pf_run *run, const struct pf_process *process)
{
    const char *dot = strrchr(process->address, '.');
    size_t length = dot ? (size_t)(dot - process->address) : 0;
    for (size_t i = 0; length && i < run->tasks.process_count; i++) {
        const struct pf_process *other = run->tasks.processes[i];
        if (other->alive && strlen(other->address) == length &&
            strncmp(other->address, process->address, length) == 0)
            return other;
    }
    return NULL;
}

static const struct pf_event *emit(struct pf_run *run, const struct pf_task *task, const char *call,
                                   const char *error, const char *resource)
{
    int number = pf_resource_number(resource);
    const struct pf_process *maker = maker_of(run, task->process);
    struct pf_ev_limit event = {.thread = task->address,
                                .call = call,
                                .error = error,
                                .resource = resource,
                                .value = limit_of(task->process->pid, number),
                                .parents = maker ? limit_of(maker->pid, number) : 0};
    return pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_LIMIT, .limit = event});
}

void pf_limit_check_call(struct pf_run *run, const struct pf_task *task, int call, int error)
{
    const struct pf_limit_watch *watch = find_watch(run, task->process->pid, call, error);
    if (!watch)
        return;
    const struct pf_event *limit = emit(run, task, pf_call_name(call), watch->error_name, watch->resource);
    pf_descriptors_exhausted(run, task, limit);
    pf_quiet_tell_zombies(run, limit);
}

/* Where the stack of the main thread begins and ends. */
static bool find_stack(pid_t pid, uint64_t *ret_low, uint64_t *ret_high)
{
    char path[32], line[512];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    while (maps && !found && fgets(line, sizeof(line), maps))
        found = strstr(line, " [stack]\n") && sscanf(line, "%" SCNx64 "-%" SCNx64, ret_low, ret_high) == 2;
    if (maps)
        fclose(maps);
    return found;
}

/*
 * The kernel lets a stack grow down to an address that is touched, as long as it then is no larger than the
 * limit. So the limit is what refused an address between the stack pointer, which has left the stack, and the
 * stack, if from there to its end it is more. (Below the stack pointer a call may use some bytes as well.)
 */
void pf_limit_check_stack(struct pf_run *run, const struct pf_task *task, const siginfo_t *info)
{
    enum { RED_ZONE = 128, PAGE = 4096 };
    struct user_regs_struct registers;
    uint64_t low, high, address = (uint64_t)(uintptr_t)info->si_addr;
    pid_t pid = task->process->pid;
    if (info->si_signo != SIGSEGV || info->si_code != SEGV_MAPERR || task->tid != pid ||
        !pf_filter_plans_limit(run->trial, "stack") ||
        ptrace(PTRACE_GETREGS, task->tid, NULL, &registers) < 0 || !find_stack(pid, &low, &high))
        return;
    if (address < low && address + RED_ZONE >= registers.rsp &&
        high - address / PAGE * PAGE > limit_of(pid, RLIMIT_STACK))
        emit(run, task, "the growth of the stack", "SIGSEGV", "stack");
}
