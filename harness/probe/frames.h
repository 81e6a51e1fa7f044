/* frames.h - which functions an address of a program stands in. */
#ifndef PF_PROBE_FRAMES_H
#define PF_PROBE_FRAMES_H

#include <elfutils/libdwfl.h>

#include "model/event.h"

/**
 * The functions that an address stands in, the innermost first: the compiler may have put several into one
 * another, and each is told with the line that it has reached. At least one.
 *
 * Ownership: the frames belong to the arena.
 */
size_t pf_frames_at(Dwfl_Module *module, Dwarf_Addr address, struct pf_arena *arena,
                    struct pf_frame **ret_frames);

#endif
