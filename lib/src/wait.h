/* The one place where the library sleeps: on futex words, the stop word of the thread and a deadline at once.
 */
#ifndef MPROC_WAIT_H
#define MPROC_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MPROC_WAIT_WORDS = 72 };

struct mproc_wait_word {
    const uint32_t *word;
    uint32_t expected;
};

/**
 * Sleeps while every word has its expected value, until one is woken, the thread is stopped or time is up.
 *
 * The comparison and falling asleep are one step, so a waker that first changes a word and then wakes it is
 * never missed. All words are shared futexes, also those in private memory.
 *
 * @param words        what to watch
 * @param count        how many, 0 to MPROC_WAIT_WORDS; 0 waits for stop and deadline alone
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0 when a word differs or was woken; the caller looks again, for it may be a false alarm.
 * Errors: -ECANCELED the thread's stop token is stopped; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -EINVAL too many
 * words; another negative errno when the kernel cannot wait on such a word (-EFAULT). None sets the detail.
 * Signals: a handler runs, the wait goes on.
 * Threads: any. Async-signal safety: safe. Blocking: until the deadline.
 */
int mproc_wait(const struct mproc_wait_word *words, size_t count, uint64_t deadline_ns);

/* The kernel wakes one sleeper for a death. Should that one be stopped (SIGSTOP) or killed before it has seen
 * to it, the others look after this long. Tests of wake-ups make it longer than they wait, so that the end of
 * a nap cannot pass for one. */
extern uint64_t mproc_nap_ns;

/* mproc_wait() on words of which the kernel marks some when their owners die; returns 0 after a
 * nap, too. */
int mproc_wait_nap(const struct mproc_wait_word *words, size_t count, uint64_t deadline_ns);

/* mproc_wait() on one word. */
int mproc_wait_one(const uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* Changes a word and wakes all who sleep on it in one step, so that no kill falls between: FUTEX_WAKE_OP with
 * FUTEX_OP(…). Returns whether the kernel did it, which a seccomp filter may forbid; if not, nothing has
 * happened. Async-signal safety: safe; keeps errno. */
bool mproc_wake_op(uint32_t *word, unsigned operation);

/* Wakes all who sleep on the word, in every process. Async-signal safety: safe; keeps errno. */
void mproc_wake(const uint32_t *word);

/* Between two looks of who does not sleep yet: lets the other thread of the core go on, and takes little
 * power. */
static inline void mproc_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* "yield" does nothing on most of them */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
