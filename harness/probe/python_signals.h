/* python_signals.h - what a CPython process does about SIGINT: whether its handler only ends what it
 * interrupts. */
#ifndef PF_PROBE_PYTHON_SIGNALS_H
#define PF_PROBE_PYTHON_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Whether the process is CPython, and its handler of SIGINT is the interpreter's own (KeyboardInterrupt), or
 * that of asyncio.run, which cancels the main task. False as well where its memory does not tell. *place is
 * where another process had its table of handlers, which is tried first, and is set to where this one has it;
 * 0: not known.
 */
bool pf_python_interrupt_ends(pid_t pid, uint64_t *place);

#endif
