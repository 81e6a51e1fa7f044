/* python_layout.h - where the versions of CPython keep what we look for: distances from the begin of each
 * object. */
#ifndef PF_PROBE_PYTHON_LAYOUT_H
#define PF_PROBE_PYTHON_LAYOUT_H

#include "probe/python.h"

struct pf_python_layout {
    unsigned major, minor;
    struct {
        uint64_t interpreters;
    } runtime;
    struct {
        uint64_t next, threads;
    } interpreter;
    struct {
        uint64_t next, interpreter, native_id;
        uint64_t frame; /* pointer to the innermost frame, or to what holds that pointer at `holder` */
        bool held;
        uint64_t holder;
    } thread;
    struct {
        uint64_t code, instruction, previous, owner, locals;
    } frame;
    struct {
        uint64_t file, qualified_name, lines, first_line, instructions;
    } code;
    struct {
        uint64_t type, size, bytes; /* of any object; of one of variable size; of bytes */
        uint64_t length, state;     /* of text */
        uint64_t ascii, compact;    /* where the characters of text begin */
    } object;
};

/* False when the version is not known, or does not look as it should. */
bool pf_python_layout(pid_t pid, const struct pf_python_site *site, struct pf_python_layout *ret_layout);

#endif
