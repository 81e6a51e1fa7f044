/* python_objects.h - the objects of a CPython process: text, code, and the line that an instruction belongs
 * to. */
#ifndef PF_PROBE_PYTHON_OBJECTS_H
#define PF_PROBE_PYTHON_OBJECTS_H

#include "probe/python_layout.h"

struct pf_python_reader {
    pid_t pid;
    const struct pf_python_site *site;
    struct pf_python_layout layout;
    struct pf_arena *arena;
};

bool pf_python_word(const struct pf_python_reader *reader, uint64_t address, uint64_t *ret_word);
/* Is there an object of exactly that type? */
bool pf_python_is(const struct pf_python_reader *reader, uint64_t object, uint64_t type);
/* Function, file and line of a code object at an instruction. False when it is not what it should be. */
bool pf_python_describe(const struct pf_python_reader *reader, uint64_t code, uint64_t instruction,
                        struct pf_frame *frame);

/*
 * The line of the instruction `offset` bytes into the code, from a location table (3.11 and later) and the
 * first line; 0: it has none, or the table is broken.
 */
uint64_t pf_python_line(const unsigned char *table, size_t size, uint64_t first_line, uint64_t offset);

#endif
