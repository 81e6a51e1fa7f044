/*
 * Robust locks: futex words that the kernel marks when their owner dies.
 *
 * These are words of our own on the robust list that glibc registered for the thread, rather than pthread
 * robust mutexes, because
 *  - a lock must be waited for together with the stop word of the thread, which pthread cannot do;
 *  - pthread_mutex_t keeps the pointers of the robust list beside the word, in memory that other processes
 *    can write. Here only the word is shared: the list node lies in a private page right behind it;
 *  - glibc releases a lock and then wakes: who dies in between, while a third takes the lock, leaves the
 *    sleepers asleep for good. Here release and wake are one system call (FUTEX_WAKE_OP);
 *  - glibc aborts the process on contents it does not expect.
 * What a word may hold, and how the kernel treats it, is Documentation/locking/robust-futex-ABI.rst.
 */
#ifndef MPROC_ROBUST_H
#define MPROC_ROBUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/futex.h>

/* The part of a lock that is shared: 0 when free, else the owner's thread id, with FUTEX_WAITERS when someone
 * sleeps, and FUTEX_OWNER_DIED from a death until mproc_robust_repaired(). */
typedef uint32_t mproc_robust_word;

/* The part that is private to a process, laid out as glibc's own nodes of the list are. */
struct mproc_robust_node {
    void *prev;
    void *next;
};

/* glibc fixes the distance between a word and the list pointer behind it for all locks of a thread. */
enum { MPROC_ROBUST_WORD_TO_NODE = 24, MPROC_ROBUST_WORD_TO_NEXT = 32 };

/* Where in a shared page the word must lie for its node to begin the private page behind that page. */
#define MPROC_ROBUST_WORD_OFFSET(page_size) ((page_size)-MPROC_ROBUST_WORD_TO_NODE)

/* Whether this thread can take robust locks at all: tells so once, when a lock is made rather than taken.
 * Errors: -ENOTSUP with detail. */
int mproc_robust_available(void);

/* The ids of the calling process and thread, which are asked for once. Async-signal safety: not safe. */
void mproc_robust_who(uint32_t *ret_pid, uint32_t *ret_tid);

/**
 * Takes a lock whose private page follows its word.
 *
 * Returns: 0, or -EOWNERDEAD: the lock is held, but a former owner died holding it, and nobody has called
 * mproc_robust_repaired() since.
 * Errors: -EDEADLK this thread has it already; -ETIMEDOUT (-EAGAIN for MPROC_NOW), -ECANCELED; -ENOTSUP.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
int mproc_robust_lock(mproc_robust_word *word, uint64_t deadline_ns);

/* Gives a lock back and wakes who waits for it. Errors: -EPERM this thread does not have it. */
int mproc_robust_unlock(mproc_robust_word *word);

/* Gives a lock back as if this thread had died holding it. Errors: -EPERM. */
int mproc_robust_abandon(mproc_robust_word *word);

/* Ends the mark of a death; the owner alone may. Errors: -EPERM this thread does not have the lock. */
int mproc_robust_repaired(mproc_robust_word *word);

/* The thread that has the lock, 0 for none. */
uint32_t mproc_robust_owner(const mproc_robust_word *word);

/* Whether this thread has the lock, through whichever mapping. */
bool mproc_robust_is_mine(const mproc_robust_word *word);

/* Whether some thread of this process has the lock: its node is in use, so its memory must stay. */
bool mproc_robust_held_here(const mproc_robust_word *word);

#endif
