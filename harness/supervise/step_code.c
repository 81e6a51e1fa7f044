/* Where in a process the functions of the plan begin, and the debug registers that stop a thread there. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/ptrace.h>

#include "model/nearest.h"
#include "supervise/step_internal.h"

bool pf_code_concerns(const struct pf_aim *aim, const struct pf_process *process)
{
    const char *proc = aim->trigger->proc;
    /* Of a pattern for threads it is known for each thread only. */
    return !proc || strchr(proc, '/') || fnmatch(proc, process->address, 0) == 0;
}

static bool add_place(struct pf_run *run, struct pf_code *code, size_t aim, uint64_t address)
{
    for (size_t i = 0; i < code->place_count; i++)
        if (code->places[i].address == address && code->places[i].aim == aim)
            return false;
    struct pf_place *place =
        pf_arena_grow(run->trace->arena, &code->places, &code->place_count, sizeof(*place));
    *place = (struct pf_place){.address = address, .aim = aim};
    return true;
}

/* A function of the main program is found at once; any other one may come with the next library. */
static void find_aim(struct pf_run *run, struct pf_process *process, const struct pf_image *image,
                     size_t index, struct pf_arena *arena, bool *ret_new, bool *ret_settled)
{
    struct pf_aim *aim = &run->step->aims[index];
    struct pf_code *code = process->code;
    struct pf_found found = pf_image_find(image, aim->trigger->module, aim->trigger->function, arena);
    for (size_t i = 0; i < found.count; i++)
        *ret_new |= add_place(run, code, index, found.addresses[i]);
    *ret_settled &= found.settled;
    aim->searched = true;
    aim->found |= found.count > 0;
    aim->indirect |= found.indirect;
}

/* What glibc and musl call for debuggers once they have changed what is mapped. */
static uint64_t find_loader(const struct pf_image *image, struct pf_arena *arena)
{
    struct pf_found found = pf_image_find(image, NULL, "_dl_debug_state", arena);
    return found.count ? found.addresses[0] : 0;
}

void pf_code_read(struct pf_run *run, struct pf_process *process)
{
    struct pf_step *step = run->step;
    struct pf_arena *arena = pf_arena_new();
    struct pf_image *image;
    if (!process->code) {
        process->code = pf_arena_alloc(run->trace->arena, sizeof(*process->code));
        process->code->calls =
            pf_arena_alloc(run->trace->arena, (step->aim_count + 1) * sizeof(*process->code->calls));
    }
    if (pf_image_read(step->functions, process->pid, arena, &image) == 0) {
        bool is_new = false, settled = true;
        for (size_t i = 0; i < step->aim_count; i++)
            if (pf_code_concerns(&step->aims[i], process))
                find_aim(run, process, image, i, arena, &is_new, &settled);
        if (!settled && !process->code->loader)
            process->code->loader = find_loader(image, arena);
        process->code->version += is_new || process->code->version == 0;
    }
    pf_arena_free(arena);
}

bool pf_code_is_exhausted(const struct pf_trigger *trigger, uint64_t calls)
{
    return (trigger->last && calls >= trigger->last) || (trigger->step == 0 && calls >= trigger->first);
}

/* The distinct addresses at which something is still to happen; -1 when they are too many. */
static int wanted(struct pf_run *run, const struct pf_code *code, uint64_t addresses[PF_STEP_REGISTERS])
{
    int count = 0;
    for (size_t i = 0; i < code->place_count; i++) {
        const struct pf_place *place = &code->places[i];
        const struct pf_aim *aim = &run->step->aims[place->aim];
        bool known = pf_code_is_exhausted(aim->trigger, code->calls[place->aim]);
        for (int k = 0; k < count; k++)
            known |= addresses[k] == place->address;
        if (known)
            continue;
        if (count == PF_STEP_PLACES) {
            run->step->crowded = aim;
            return -1;
        }
        addresses[count++] = place->address;
    }
    return count;
}

void pf_code_arm(struct pf_run *run, struct pf_task *task)
{
    const struct pf_code *code = task->process->code;
    if (!code || task->armed == code->version)
        return;
    uint64_t addresses[PF_STEP_REGISTERS] = {0};
    int count = wanted(run, code, addresses);
    if (count < 0)
        return;
    const struct pf_walk *walk = task->walk;
    addresses[PF_STEP_REGISTERS - 1] = walk && walk->leap_to ? walk->leap_to : code->loader;
    if (walk && walk->arrivals) /* there is room: see set_out() in step_walk.c */
        addresses[count] = walk->calls->ret;
    int r = pf_thread_watch(task->tid, addresses);
    if (r == -ESRCH)
        return; /* it does not stand still */
    if (r < 0)
        run->step->refused = r;
    task->armed = code->version;
}

static void offer(void *context, const char *name)
{
    pf_nearest_offer(context, name);
}

static int explain_missing(const struct pf_step *step, const struct pf_aim *aim, struct pf_error *error)
{
    const struct pf_trigger *trigger = aim->trigger;
    struct pf_nearest nearest = pf_nearest_new(trigger->function, strlen(trigger->function));
    if (aim->indirect)
        return pf_error_set(
            error, -ENOENT,
            "%s stands for several functions, one of which is chosen when the program is loaded: "
            "name that one (perf and gdb show it)",
            trigger->function);
    pf_functions_each(step->functions, offer, &nearest);
    const char *best = nearest.best;
    if (best && trigger->module && strcmp(best, trigger->function) == 0)
        return pf_error_set(error, -ENOENT, "no function %s in a file %s, but in another: leave out \"%s:\"",
                            trigger->function, trigger->module, trigger->module);
    return pf_error_set(
        error, -ENOENT,
        "no function %s in any of the %zu files that the program has mapped%s%s%s (a static one needs "
        "a symbol table: the file may be stripped, or the function inlined)",
        trigger->function, pf_functions_files(step->functions), best ? "; did you mean \"" : "",
        best ? best : "", best ? "\"?" : "");
}

int pf_step_check(const struct pf_run *run, struct pf_error *error)
{
    const struct pf_step *step = run->step;
    if (!step)
        return 0;
    if (step->refused)
        return pf_error_set(error, -ENOTSUP, "the kernel gives no debug register, which step= needs: %s",
                            strerror(-step->refused));
    if (step->crowded)
        return pf_error_set(error, -ENOENT,
                            "the functions of step= begin at more than %d places of one process, for which a "
                            "processor has no room; name the file, as in libqueue.so:%s+0",
                            PF_STEP_PLACES, step->crowded->trigger->function);
    for (size_t i = 0; i < step->aim_count; i++)
        if (step->aims[i].indirect || (step->aims[i].searched && !step->aims[i].found))
            return explain_missing(step, &step->aims[i], error);
    return 0;
}
