#include "supervise/descriptors.h"

#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "model/baseline.h"
#include "supervise/view.h"

unsigned long pf_descriptors_options(const struct pf_run *run)
{
    return run->trial->observe_descriptors ? PTRACE_O_TRACEEXIT : 0;
}

static void emit(struct pf_run *run, const struct pf_ev_descriptors *event)
{
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_DESCRIPTORS, .descriptors = *event});
}

static const struct pf_expect_process *expected_of(const struct pf_run *run, const struct pf_process *process)
{
    const struct pf_expect *expect = &run->trial->expect;
    for (size_t i = 0; i < expect->process_count; i++)
        if (strcmp(expect->processes[i].process, process->address) == 0)
            return &expect->processes[i];
    return NULL;
}

/* A recording lists what is open in any case. Where there is one already, only more than in it is news, and
 * only of who ends as it did there: to list takes a tenth of what a short program does. */
static bool is_news(const struct pf_run *run, const struct pf_task *task, int status)
{
    uint64_t number;
    if (run->trial->expect.process_count == 0)
        return true;
    const struct pf_expect_process *expected = expected_of(run, task->process);
    if (!expected || WEXITSTATUS(status) != (int)expected->code)
        return false;
    return pf_probe_open_number(task->tid, &number) < 0 ||
           number > pf_descriptors_count(expected->open, expected->open_count, PF_OBJECT__COUNT);
}

void pf_descriptors_leave(struct pf_run *run, struct pf_task *task)
{
    unsigned long status = 0;
    struct pf_ev_descriptors event = {.process = task->process->address};
    if (!task->leaving)
        task->process->leaving++;
    task->leaving = true;
    /* Who is killed had no time to close anything. */
    if (run->decided || task->process->leaving < task->process->threads ||
        ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &status) < 0 || !WIFEXITED((int)status))
        return;
    if (is_news(run, task, (int)status) &&
        pf_probe_open(task->tid, run->trace->arena, &event.open, &event.open_count) == 0)
        emit(run, &event);
}

void pf_descriptors_forget(const struct pf_task *task)
{
    task->process->leaving -= task->leaving;
}

void pf_descriptors_exhausted(struct pf_run *run, const struct pf_task *task, const struct pf_event *limit)
{
    struct pf_process *process = task->process;
    if (process->exhausted || strcmp(limit->limit.resource, "nofile") != 0)
        return;
    process->exhausted = true;
    struct pf_ev_descriptors event = {.process = process->address, .limit = limit->seq};
    struct pf_probe_request request;
    struct pf_arena *arena = pf_arena_new();
    pf_view_request(run, NULL, 0, arena, &request);
    struct pf_descriptors *open;
    if (pf_probe_open_closely(process->pid, &request, arena, &open, &event.open_count) == 0) {
        event.open = pf_arena_alloc(run->trace->arena, (event.open_count + 1) * sizeof(*open));
        for (size_t i = 0; i < event.open_count; i++) {
            event.open[i] = open[i];
            event.open[i].path = pf_arena_strdup(run->trace->arena, open[i].path);
        }
        emit(run, &event);
    }
    pf_arena_free(arena);
}

void pf_descriptors_held(struct pf_run *run, const struct pf_task *task, bool released)
{
    struct pf_ev_open event = {.thread = task->address, .released = released};
    if (pf_probe_open(task->tid, run->trace->arena, &event.open, &event.open_count) == 0)
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_OPEN, .open = event});
}
