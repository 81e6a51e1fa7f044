/* The call stack of a stopped thread, by libdwfl: unwinding, symbols and source lines. */
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/event.h"
#include "probe/probe.h"

enum { MAX_FRAMES = 32 };

struct walk {
    Dwfl *dwfl;
    pid_t pid;
    struct pf_arena *arena;
    struct pf_frame *frames;
    size_t count;
};

/*
 * Finds the file behind a mapping. Its name is one of the target's mount namespace, so it is opened through
 * the target's root; what is not a file there (the vDSO) is libdwfl's business.
 */
static int find_elf(Dwfl_Module *module, void **user_data, const char *module_name, Dwarf_Addr base,
                    char **file_name, Elf **ret_elf)
{
    const struct walk *walk = *user_data;
    if (walk && module_name[0] == '/') {
        char path[4200];
        snprintf(path, sizeof(path), "/proc/%d/root%s", walk->pid, module_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            *file_name = strdup(path);
            return fd;
        }
    }
    return dwfl_linux_proc_find_elf(module, user_data, module_name, base, file_name, ret_elf);
}

static char *no_path = NULL;

/* Debug information comes from this machine only: a proof must not wait for a server on the network. */
static const Dwfl_Callbacks callbacks = {
    .find_elf = find_elf,
    .find_debuginfo = dwfl_build_id_find_debuginfo,
    .debuginfo_path = &no_path,
};

static int set_user_data(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, void *walk)
{
    (void)module;
    (void)name;
    (void)base;
    *user_data = walk;
    return DWARF_CB_OK;
}

static int add_frame(Dwfl_Frame *state, void *context)
{
    struct walk *walk = context;
    Dwarf_Addr address;
    bool activation;
    if (!dwfl_frame_pc(state, &address, &activation))
        return DWARF_CB_ABORT;
    struct pf_frame *frame = pf_arena_grow(walk->arena, &walk->frames, &walk->count, sizeof(*frame));
    /* A return address may already belong to the next line, or function. */
    Dwarf_Addr inside = activation ? address : address - 1;
    Dwfl_Module *module = dwfl_addrmodule(walk->dwfl, inside);
    if (module) {
        const char *name = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        const char *base = name ? strrchr(name, '/') : NULL;
        frame->module = pf_arena_strdup(walk->arena, base ? base + 1 : name);
        frame->function = pf_arena_strdup(walk->arena, dwfl_module_addrname(module, inside));
        Dwfl_Line *line = dwfl_module_getsrc(module, inside);
        int number = 0;
        const char *file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
        if (file) {
            frame->file = pf_arena_strdup(walk->arena, file);
            frame->line = (uint64_t)number;
        }
    }
    return walk->count < MAX_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
}

int pf_probe_stack(pid_t pid, pid_t tid, struct pf_arena *arena, struct pf_frame **ret_frames,
                   size_t *ret_count)
{
    struct walk walk = {.dwfl = dwfl_begin(&callbacks), .pid = pid, .arena = arena};
    if (!walk.dwfl)
        return -ENODATA;
    if (dwfl_linux_proc_report(walk.dwfl, pid) == 0 && dwfl_report_end(walk.dwfl, NULL, NULL) == 0 &&
        dwfl_getmodules(walk.dwfl, set_user_data, &walk, 0) == 0 &&
        dwfl_linux_proc_attach(walk.dwfl, pid, true) == 0)
        /* The result tells of the outermost frames, which often cannot be unwound; what was found counts. */
        (void)dwfl_getthread_frames(walk.dwfl, tid, add_frame, &walk);
    dwfl_end(walk.dwfl);
    if (walk.count == 0)
        return -ENODATA;
    *ret_frames = walk.frames;
    *ret_count = walk.count;
    return 0;
}
