/*
 * Seats: who takes part in an object.
 *
 * A seat is a robust lock that a thread holds for as long as it takes part, so the kernel marks the seat when
 * the thread ends without having left it, by SIGKILL too. Others watch the seats while they sleep. The kernel
 * wakes one of them for each death, so who sees it tells the others.
 */
#ifndef MPROC_SEATS_H
#define MPROC_SEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segment.h"
#include "wait.h"

/* As many as one thread can watch, beside a few words. */
enum { MPROC_SEATS_MAX = 64 };

#define MPROC_NO_SEAT UINT32_MAX

/* Lies in a control page of the segment. */
struct mproc_seats {
    uint32_t used;     /* no seat from here on was ever taken */
    uint32_t arrivals; /* how often one was taken; sleepers watch it */
};

/* How many seats there may be to look at, never more than the segment has. */
uint32_t mproc_seats_used(const struct mproc_segment *segment, const struct mproc_seats *seats);

static inline bool mproc_seat_is_dead(uint32_t word)
{
    return (word & FUTEX_OWNER_DIED) != 0;
}

static inline bool mproc_seat_is_taken(uint32_t word)
{
    return (word & FUTEX_TID_MASK) != 0;
}

static inline uint32_t mproc_seat_word(const struct mproc_segment *segment, uint32_t seat)
{
    return __atomic_load_n(mproc_segment_seat(segment, seat), __ATOMIC_ACQUIRE);
}

/* The seat that the calling thread has, or MPROC_NO_SEAT. */
uint32_t mproc_seats_mine(const struct mproc_segment *segment, const struct mproc_seats *seats);

/* Takes this seat and tells those who watch. Returns 0, or -EOWNERDEAD: taken, and who had it last has died.
 * Errors: -EAGAIN somebody else has it; -ENOMEM with detail. */
int mproc_seats_take(const struct mproc_segment *segment, struct mproc_seats *seats, uint32_t seat);

/* Leaves a seat that the calling thread took. With `died` as if the thread had ended. */
void mproc_seats_leave(const struct mproc_segment *segment, uint32_t seat, bool died);

/* Which seats, as bits, have threads that ended without leaving. */
uint64_t mproc_seats_dead(const struct mproc_segment *segment, const struct mproc_seats *seats);

/* Frees seats of the dead. Who frees one says that nothing is left to do for that death. */
void mproc_seats_free(const struct mproc_segment *segment, const struct mproc_seats *seats, uint64_t dead);

/* What to wait for in a seat that is taken: that it is left, or that its thread ends. The kernel wakes for a
 * death only where the word says that somebody waits, so this changes it. */
struct mproc_wait_word mproc_seat_watch(mproc_robust_word *word);

/* Adds to what a sleeper waits on: arrivals, and deaths in the seats that are not among the ignored ones: at
 * most MPROC_SEATS_MAX + 1 words behind the first `count`. Returns how many there are then. */
size_t mproc_seats_watch(const struct mproc_segment *segment, const struct mproc_seats *seats,
                         uint64_t ignored, struct mproc_wait_word *words, size_t count);

#endif
