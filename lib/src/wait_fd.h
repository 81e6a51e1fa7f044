/* Where the library sleeps on descriptors: as mproc_wait() does on words, with the stop token of the thread
 * and a deadline. */
#ifndef MPROC_WAIT_FD_H
#define MPROC_WAIT_FD_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Waits for descriptors.
 *
 * @param items        as for poll(2); revents is set
 * @param count        how many
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: how many items are ready, from 1.
 * Errors: -ECANCELED the thread's stop token is stopped, and nothing is ready; -ETIMEDOUT (-EAGAIN for
 * MPROC_NOW); -ENOMEM; another negative errno of ppoll(). None sets the detail.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
int mproc_poll(struct pollfd *items, size_t count, uint64_t deadline_ns);

/* The same for one descriptor. Returns 0 once it is ready. */
int mproc_poll_for(int fd, short events, uint64_t deadline_ns);

/* Wakes the threads that sleep under the token with this word, which has changed. Async-signal safety: safe.
 */
void mproc_poll_kick(const uint32_t *word);

/* In a new worker: its threads are gone, and so are the descriptors. */
void mproc_poll_forget(void);

#endif
