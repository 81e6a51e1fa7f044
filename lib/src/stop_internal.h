/* What the rest of the library needs to know about stop tokens: the word to sleep on. */
#ifndef MPROC_STOP_INTERNAL_H
#define MPROC_STOP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <mproc/stop.h>

/* The futex word of the calling thread's current stop token, or NULL. 0 while running, non-zero once stopped;
 * it never goes back while a thread can see it. In a worker it may lie in shared memory, so wait on it with a
 * shared futex. Read it with __atomic_load_n(word, __ATOMIC_ACQUIRE). Async-signal safety: safe. */
const uint32_t *mproc_stop_word(void);

/* A token that nobody can stop: for what has to be finished while everything stops. */
struct mproc_stop *mproc_stop_shield(void);

/* In a new worker: the token of the process begins anew on this word, which the owner can reach as well. What
 * the worker forks by itself has a word of its own. */
void mproc_stop_rebase(uint32_t *word);

/* Whether this process is no worker, but was forked by one. */
bool mproc_stop_is_fork(void);

/* Hands the level of the process token down to all tokens: for the worker whose word was written from
 * outside. Async-signal safety: safe. */
void mproc_stop_spread(void);

#endif
