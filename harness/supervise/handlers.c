#include "supervise/handlers.h"

#include <signal.h>

#include "launch/filter.h"
#include "probe/procfs.h"
#include "supervise/names.h"

/* To learn what a function is called takes milliseconds, and the caller waits: not for every one of a
 * thousand children of a shell. */
enum { NAMED_MAX = 64 };

void pf_handlers_note(struct pf_run *run, const struct pf_task *task, const struct pf_call *call)
{
    int number = (int)call->arguments[0];
    uint64_t address; /* what the kernel's own struct sigaction begins with */
    if (!pf_filter_sends(run->kept->filter, number) || !call->arguments[1] ||
        pf_proc_memory(task->process->pid, call->arguments[1], &address, sizeof(address)))
        return;
    bool is_default = address == (uint64_t)(uintptr_t)SIG_DFL;
    bool is_ignored = address == (uint64_t)(uintptr_t)SIG_IGN;
    struct pf_ev_handler handler = {.thread = task->address,
                                    .number = (uint64_t)number,
                                    .name = pf_signal_name(number),
                                    .does = is_default   ? "default"
                                            : is_ignored ? "ignore"
                                                         : "function",
                                    .address = is_default || is_ignored ? 0 : address};
    if (handler.address && run->handlers_named++ < NAMED_MAX) {
        struct pf_stacks *stacks = pf_stacks_open_live(task->tid);
        pf_stacks_handler(stacks, task->tid, run->trace->arena, &handler.function, &handler.address);
        pf_stacks_close(stacks);
    }
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_HANDLER, .handler = handler});
}
