/* Where a thread stands, in the words of its source. */
#include "judge/phrases.h"

#include <inttypes.h>
#include <string.h>

#include "model/path.h"

/* The C library is where threads wait, never where the reader's mistake is. */
static bool in_system_library(const struct pf_frame *frame)
{
    const char *module = pf_path_name(frame->module);
    return module && (strncmp(module, "libc.", 5) == 0 || strncmp(module, "libc-", 5) == 0 ||
                      strncmp(module, "libpthread", 10) == 0 || strncmp(module, "ld-", 3) == 0 ||
                      strncmp(module, "[vdso]", 6) == 0);
}

/* The point itself: where it is reached is told by whoever has it in his code. */
static bool is_point(const struct pf_frame *frame)
{
    return frame->function && frame->file && strcmp(pf_path_name(frame->file), "point.h") == 0 &&
           strncmp(frame->function, "pitfall_", 8) == 0;
}

static const char *native_where(const struct pf_case *c, const struct pf_frame *frame)
{
    return pf_arena_printf(c->scratch, "%s at %s:%" PRIu64, frame->function ? frame->function : "code",
                           frame->file, frame->line);
}

/* "consume at feeder.py:31 (in Queue.get)": the reader's own line, and what it called of the language's
 * library, or of an extension that has its lines with it. */
static const char *script_where(const struct pf_case *c, const struct pf_frame *own,
                                const struct pf_frame *called, const struct pf_frame *native)
{
    const char *line =
        own->line ? pf_arena_printf(c->scratch, "%s:%" PRIu64, own->file, own->line) : own->file;
    const char *inner = called && called->function ? called->function
                        : native                   ? native_where(c, native)
                                                   : NULL;
    return inner ? pf_arena_printf(c->scratch, "%s at %s (in %s)", own->function, line, inner)
                 : pf_arena_printf(c->scratch, "%s at %s", own->function, line);
}

const char *pf_phrase_where(const struct pf_case *c, const char *thread)
{
    uint64_t seq;
    return pf_phrase_stack(c, pf_history_stack(c->history, thread, &seq));
}

/* How every thread of Python begins: nobody's doing. */
static bool is_bootstrap(const struct pf_frame *frame)
{
    return strcmp(pf_path_name(frame->file), "threading.py") == 0;
}

const char *pf_phrase_stack(const struct pf_case *c, const struct pf_ev_stack *stack)
{
    const struct pf_frame *named = NULL, *called = NULL, *library = NULL, *native = NULL;
    for (size_t i = 0; stack && i < stack->frame_count; i++) {
        const struct pf_frame *frame = &stack->frames[i];
        if (frame->language && frame->function && frame->file) {
            if (!frame->module)
                return script_where(c, frame, called, native);
            if (!library || !is_bootstrap(frame))
                library = frame;
            called = frame;
            continue;
        }
        if (in_system_library(frame) || is_point(frame))
            continue;
        if (!native && frame->file && frame->line)
            native = frame;
        if (!named && frame->function)
            named = frame;
    }
    if (library)
        return script_where(c, library, NULL, native);
    if (native)
        return native_where(c, native);
    if (!named)
        return NULL;
    return named->module ? pf_arena_printf(c->scratch, "%s in %s", named->function, named->module)
                         : pf_arena_strdup(c->scratch, named->function);
}
