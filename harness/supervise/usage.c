#include "supervise/usage.h"

#include <stdio.h>
#include <unistd.h>

#include "probe/procfs.h"

/* Who has used less is no news: a hundred thousand short processes need no event each. */
static const uint64_t NOTICEABLE_NS = 10 * 1000 * 1000;

void pf_usage_bear(struct pf_process *parent)
{
    if (parent && parent->children == 0)
        (void)pf_proc_run_time(parent->pid, &parent->childless_ns);
}

void pf_usage_watch(struct pf_process *process)
{
    if (process->traffic_fd < 0)
        process->traffic_fd = pf_proc_traffic_open(process->pid);
}

void pf_usage_forget(struct pf_process *process)
{
    if (process->traffic_fd >= 0)
        close(process->traffic_fd);
    process->traffic_fd = -1;
}

static int read_traffic(const struct pf_process *process, struct pf_traffic *ret_traffic)
{
    if (process->traffic_fd >= 0)
        return pf_proc_traffic_read(process->traffic_fd, ret_traffic);
    return pf_proc_traffic(process->pid, ret_traffic);
}

const char *pf_usage_name(struct pf_run *run, pid_t pid)
{
    char path[64], name[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    ssize_t length = pf_proc_read(path, name, sizeof(name));
    return length > 1 ? pf_arena_strndup(run->trace->arena, name, (size_t)length - 1) : NULL;
}

void pf_usage_take(struct pf_run *run, pid_t pid)
{
    const struct pf_task *task = pf_tasks_find(&run->tasks, pid);
    struct pf_ev_usage usage = {.run_ns = 0};
    struct pf_traffic traffic;
    uint64_t user, system;
    if (run->decided || !task || task->process->pid != pid || pf_proc_run_time(pid, &usage.run_ns) < 0 ||
        usage.run_ns < NOTICEABLE_NS || read_traffic(task->process, &traffic) < 0 ||
        pf_proc_ticks(pid, &user, &system) < 0)
        return;
    usage.process = task->process->address;
    usage.name = run->follows_execs ? NULL : pf_usage_name(run, pid);
    usage.before_ns = task->process->childless_ns;
    usage.system_ns = user + system ? usage.run_ns * system / (user + system) : 0;
    usage.reads = traffic.reads;
    usage.read_bytes = traffic.read;
    usage.writes = traffic.writes;
    usage.written_bytes = traffic.written;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_USAGE, .usage = usage});
}
