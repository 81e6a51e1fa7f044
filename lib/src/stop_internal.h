/* What the rest of the library needs to know about stop tokens: the word to sleep on. */
#ifndef MPROC_STOP_INTERNAL_H
#define MPROC_STOP_INTERNAL_H

#include <stdint.h>

/* The futex word of the calling thread's current stop token, or NULL. 0 while running, non-zero once stopped;
 * it never goes back while a thread can see it. In a worker it may lie in shared memory, so wait on it with a
 * shared futex. Read it with __atomic_load_n(word, __ATOMIC_ACQUIRE). Async-signal safety: safe. */
const uint32_t *mproc_stop_word(void);

#endif
