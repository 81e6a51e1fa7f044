#include "supervise/exec.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "supervise/birth.h"
#include "supervise/death.h"
#include "supervise/descriptors.h"
#include "supervise/lifecycle.h"
#include "supervise/quiet.h"
#include "supervise/record.h"
#include "supervise/step.h"

enum { ARGV_BYTES = 4096, ARGV_MAX = 64, ARGUMENT_MAX = 256 };

static void read_command(struct pf_run *run, pid_t pid, struct pf_ev_exec *exec)
{
    struct pf_arena *arena = run->trace->arena;
    char path[64], text[ARGV_BYTES];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    ssize_t length = readlink(path, text, sizeof(text));
    if (length > 0)
        exec->path = pf_arena_strndup(arena, text, (size_t)length);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    for (ssize_t at = 0; at < length && exec->argv_count < ARGV_MAX;) {
        size_t size = strnlen(text + at, (size_t)(length - at));
        *(const char **)pf_arena_grow(arena, &exec->argv, &exec->argv_count, sizeof(*exec->argv)) =
            pf_arena_strndup(arena, text + at, size > ARGUMENT_MAX ? ARGUMENT_MAX : size);
        at += (ssize_t)size + 1;
    }
}

static void find_command(struct pf_run *run, pid_t pid, bool first, struct pf_ev_exec *exec)
{
    bool kept = first && run->watcher && run->watcher->kept;
    const char *program = run->launched.containment->sheet->order.path;
    if (kept && pf_kept_recall(run->kept, run->trial, program, run->trace->arena, exec))
        return;
    read_command(run, pid, exec);
    if (kept)
        pf_kept_remember(run->kept, run->trial, program, exec);
}

/* execve ends all other threads; the one that called it becomes the main thread, whichever it was. */
static struct pf_task *become_main(struct pf_run *run, pid_t pid, pid_t caller_tid)
{
    struct pf_task *caller = pf_tasks_find(&run->tasks, caller_tid);
    if (!caller)
        caller = pf_tasks_find(&run->tasks, pid);
    if (!caller)
        return NULL;
    struct pf_process *process = caller->process;
    pf_death_rest(run, process, caller);
    if (caller->tid != pid) {
        pf_quiet_remove(run, caller);
        pf_tasks_rename(&run->tasks, caller, pid, process->tree_pid, process->address);
        pf_quiet_add(run, caller);
    }
    return caller;
}

void pf_exec_take(struct pf_run *run, pid_t pid, pid_t caller_tid)
{
    struct pf_task *task = become_main(run, pid, caller_tid);
    if (!task) {
        ptrace(PTRACE_CONT, pid, NULL, NULL);
        return;
    }
    struct pf_process *process = task->process;
    pf_record_exec(run, task);
    struct pf_ev_exec exec = {.process = process->address};
    bool first = process == run->root && !process->execed;
    find_command(run, pid, first, &exec);
    process->posix_timer = false;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_EXEC, .exec = exec});
    pf_birth_end_vfork(run, process);
    process->execed = true;
    pf_step_exec(run, task);
    if (first) {
        ptrace(PTRACE_SETOPTIONS, pid, NULL,
               pf_launch_ptrace_options(run->follows_execs) | pf_descriptors_options(run));
        run->started_ns = pf_run_now(run);
        pf_birth_begin(run, task, false);
    } else {
        pf_lifecycle_resume(run, task, 0);
    }
}
