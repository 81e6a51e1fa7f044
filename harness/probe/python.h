/*
 * python.h - where the threads of a CPython process stand in their Python program.
 *
 * Read from the memory of the process, without its help: CPython lays open where its interpreters are (the
 * section .PyRuntime), from there it is a list of interpreters, of threads, and of frames. The layouts are
 * those of 3.11 to 3.13. What belongs to another process may be anything, so every pointer is followed with
 * care, every object must be of the type that it should be, and every walk is bounded: what does not fit
 * gives no frames rather than wrong ones.
 */
#ifndef PF_PROBE_PYTHON_H
#define PF_PROBE_PYTHON_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/event.h"

/* Addresses in the process, of what its interpreter has. 0: it has no such thing. */
struct pf_python_site {
    uint64_t runtime;                          /* _PyRuntime */
    uint64_t version;                          /* Py_Version */
    uint64_t code_type, text_type, bytes_type; /* PyCode_Type, PyUnicode_Type, PyBytes_Type */
};

/* Finds them in a file that is mapped at that distance from its own addresses. False: it holds no
 * interpreter. */
bool pf_python_find(Elf *elf, uint64_t bias, struct pf_python_site *ret_site);

/*
 * The Python frames of a thread, innermost first, at most `most`. own_tid is its number as it knows it
 * itself. The thread must be stopped or blocked. Returns 0, or -ENODATA when it has none or they cannot be
 * read.
 */
int pf_python_read(pid_t pid, const struct pf_python_site *site, pid_t own_tid, size_t most,
                   struct pf_arena *arena, struct pf_frame **ret_frames, size_t *ret_count);

/*
 * The function that a thread inside signal.signal() has given to it, and the address of that object. Returns
 * 0, or -ENODATA when it is not there, or it gave no function of Python's.
 */
int pf_python_handler(pid_t pid, const struct pf_python_site *site, pid_t own_tid, struct pf_arena *arena,
                      struct pf_frame *ret_function, uint64_t *ret_object);

#endif
