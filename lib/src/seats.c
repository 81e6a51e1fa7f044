#include "seats.h"

#include <errno.h>

#include <mproc/deadline.h>

#include "error_internal.h"

/* Where this thread sat last, most likely still. */
static _Thread_local uint32_t last_seat;

uint32_t mproc_seats_used(const struct mproc_segment *segment, const struct mproc_seats *seats)
{
    uint32_t used = __atomic_load_n(&seats->used, __ATOMIC_ACQUIRE);

    return used < segment->shape.seats ? used : segment->shape.seats;
}

uint32_t mproc_seats_mine(const struct mproc_segment *segment, const struct mproc_seats *seats)
{
    uint32_t used = mproc_seats_used(segment, seats);
    uint32_t seat = last_seat;

    for (uint32_t tried = 0; tried < used; tried++, seat++) {
        seat = seat < used ? seat : 0;
        if (mproc_robust_is_mine(mproc_segment_seat(segment, seat))) {
            last_seat = seat;
            return seat;
        }
    }
    return MPROC_NO_SEAT;
}

int mproc_seats_take(const struct mproc_segment *segment, struct mproc_seats *seats, uint32_t seat)
{
    mproc_robust_word *own = mproc_segment_own_seat(segment, seat, true);
    uint32_t used = __atomic_load_n(&seats->used, __ATOMIC_RELAXED);

    if (!own)
        return mproc_fail(-ENOMEM, "no memory for a seat");
    while (used <= seat && !__atomic_compare_exchange_n(&seats->used, &used, seat + 1, false,
                                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    int err = mproc_robust_lock(own, MPROC_NOW);
    if (err != 0 && err != -EOWNERDEAD)
        return err;
    mproc_robust_repaired(own);
    last_seat = seat;
    /* Before this thread can be the one that a death wakes, all others must watch it. */
    __atomic_fetch_add(&seats->arrivals, 1, __ATOMIC_RELEASE);
    mproc_wake(&seats->arrivals);
    return err;
}

void mproc_seats_leave(const struct mproc_segment *segment, uint32_t seat, bool died)
{
    mproc_robust_word *own = mproc_segment_own_seat(segment, seat, false);

    if (!own)
        return;
    if (died)
        mproc_robust_abandon(own);
    else
        mproc_robust_unlock(own);
}

uint64_t mproc_seats_dead(const struct mproc_segment *segment, const struct mproc_seats *seats)
{
    uint64_t dead = 0;

    for (uint32_t seat = 0; seat < mproc_seats_used(segment, seats); seat++) {
        if (mproc_seat_is_dead(mproc_seat_word(segment, seat)))
            dead |= UINT64_C(1) << seat;
    }
    return dead;
}

void mproc_seats_free(const struct mproc_segment *segment, const struct mproc_seats *seats, uint64_t dead)
{
    for (uint32_t seat = 0; seat < mproc_seats_used(segment, seats); seat++) {
        if (dead >> seat & 1)
            __atomic_store_n(mproc_segment_seat(segment, seat), 0, __ATOMIC_RELEASE);
    }
}

struct mproc_wait_word mproc_seat_watch(mproc_robust_word *word)
{
    uint32_t value = __atomic_load_n(word, __ATOMIC_RELAXED);

    while (mproc_seat_is_taken(value)) {
        if ((value & FUTEX_WAITERS) || __atomic_compare_exchange_n(word, &value, value | FUTEX_WAITERS, false,
                                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return (struct mproc_wait_word){word, value | FUTEX_WAITERS};
    }
    /* Dead since we looked: this is not what the word holds, so nobody sleeps. */
    return (struct mproc_wait_word){word, 0};
}

size_t mproc_seats_watch(const struct mproc_segment *segment, const struct mproc_seats *seats,
                         uint64_t ignored, struct mproc_wait_word *words, size_t count)
{
    size_t end = count + 1 + MPROC_SEATS_MAX;
    uint32_t arrivals = __atomic_load_n(&seats->arrivals, __ATOMIC_ACQUIRE);

    words[count++] = (struct mproc_wait_word){&seats->arrivals, arrivals};
    for (uint32_t seat = 0; seat < mproc_seats_used(segment, seats) && count < end; seat++) {
        mproc_robust_word *word = mproc_segment_seat(segment, seat);
        if ((ignored >> seat & 1) || __atomic_load_n(word, __ATOMIC_RELAXED) == 0)
            continue;
        words[count++] = mproc_seat_watch(word);
    }
    return count;
}
