#include "supervise/left.h"

#include "model/arena.h"

static const char *name_of(struct pf_arena *arena, const struct pf_left *left)
{
    if (left->name[0])
        return pf_arena_printf(arena,
                               left->kind == PF_LEFT_SHM || left->kind == PF_LEFT_NAMED_SEMAPHORE ||
                                       left->kind == PF_LEFT_MQUEUE
                                   ? "/%s"
                                   : "%s",
                               left->name);
    return left->key ? pf_arena_printf(arena, "id %d, key 0x%08x", left->id, (unsigned)left->key)
                     : pf_arena_printf(arena, "id %d", left->id);
}

void pf_left_finish(struct pf_run *run)
{
    static const char *const kinds[] = {
        [PF_LEFT_SEGMENT] = "sysv-shm", [PF_LEFT_SEMAPHORES] = "sysv-sem", [PF_LEFT_QUEUE] = "sysv-msg",
        [PF_LEFT_SHM] = "shm",          [PF_LEFT_NAMED_SEMAPHORE] = "sem", [PF_LEFT_MQUEUE] = "mqueue",
    };
    struct pf_arena *arena = run->trace->arena;
    if (!run->launched.ended || run->killed)
        return;
    const struct pf_child_report *report = &run->launched.containment->sheet->report;
    for (size_t i = 0; i < report->left_count && i < PF_LEFT_MAX; i++) {
        const struct pf_left *left = &report->left[i];
        const struct pf_process *maker =
            left->maker > 0 ? pf_tasks_process_by_tree_pid(&run->tasks, left->maker) : NULL;
        struct pf_ev_left event = {.kind = kinds[left->kind],
                                   .name = name_of(arena, left),
                                   .process = maker ? maker->address : NULL,
                                   .size = left->size};
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_LEFT, .left = event});
    }
    if (report->left_count > PF_LEFT_MAX)
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_NOTE,
                                           .note.text = pf_arena_printf(
                                               arena, "%zu more IPC objects were left than are listed",
                                               report->left_count - PF_LEFT_MAX)});
}
