#include "probe/frames.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>

#include "model/path.h"

/* The scopes around an address, the innermost first; none, where the file has no debugging information. */
static int scopes_around(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **ret_scopes)
{
    Dwarf_Die *scopes = NULL;
    int count = unit ? dwarf_getscopes(unit, address, &scopes) : 0;
    if (count <= 0)
        return 0;
    /* Of a function that was put into another one these are the scopes of its definition: where it was put is
     * told for the innermost one alone. */
    Dwarf_Die innermost = scopes[0];
    free(scopes);
    count = dwarf_getscopes_die(&innermost, ret_scopes);
    return count > 0 ? count : 0;
}

static uint64_t number_of(Dwarf_Die *scope, unsigned int name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number = 0;
    return dwarf_formudata(dwarf_attr(scope, name, &attribute), &number) == 0 ? number : 0;
}

static const char *file_of(Dwarf_Die *unit, uint64_t number)
{
    Dwarf_Files *files;
    size_t count;
    return dwarf_getsrcfiles(unit, &files, &count) == 0 && number < count
               ? dwarf_filesrc(files, number, NULL, NULL)
               : NULL;
}

static void set_line(struct pf_frame *frame, struct pf_arena *arena, const char *file, uint64_t line)
{
    frame->file = pf_arena_strdup(arena, file);
    frame->line = file ? line : 0;
}

size_t pf_frames_at(Dwfl_Module *module, Dwarf_Addr address, struct pf_arena *arena,
                    struct pf_frame **ret_frames)
{
    Dwarf_Addr start, bias;
    const char *name = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    const struct pf_frame place = {.module = pf_arena_strdup(arena, pf_path_name(name)),
                                   .offset = address - start};
    Dwfl_Line *source = dwfl_module_getsrc(module, address);
    int number = 0;
    const char *file = source ? dwfl_lineinfo(source, NULL, &number, NULL, NULL, NULL) : NULL;
    uint64_t line = (uint64_t)number;
    struct pf_frame *frames = NULL, *frame;
    size_t count = 0;
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias), *scopes = NULL;
    int scope_count = scopes_around(unit, unit ? address - bias : 0, &scopes);
    for (int i = 0; i < scope_count && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
            continue;
        frame = pf_arena_grow(arena, &frames, &count, sizeof(*frame));
        *frame = place;
        frame->function = pf_arena_strdup(arena, dwarf_diename(&scopes[i]));
        set_line(frame, arena, file, line);
        file = file_of(unit, number_of(&scopes[i], DW_AT_call_file));
        line = number_of(&scopes[i], DW_AT_call_line);
    }
    free(scopes);
    frame = pf_arena_grow(arena, &frames, &count, sizeof(*frame));
    *frame = place;
    frame->function = pf_arena_strdup(arena, dwfl_module_addrname(module, address));
    set_line(frame, arena, file, line);
    *ret_frames = frames;
    return count;
}
