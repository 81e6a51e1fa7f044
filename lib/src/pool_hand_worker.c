#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/stop.h>

#include "pool_hand.h"
#include "wait.h"

/* A few microseconds: about what falling asleep and being woken costs both sides. */
enum { SPINS = 400, LONGEST_PAUSE = 16 };

static bool swap_word(struct hand_cell *cell, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&cell->word, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool claim_bound(struct mproc_hand *hand, uint32_t lane, uint32_t *ret_cell)
{
    struct hand_lane *own = &hand->lane[lane];
    uint32_t bound = __atomic_load_n(&own->bound, __ATOMIC_ACQUIRE);
    uint32_t cell = bound - 1;

    if (bound == 0 || cell >= hand->cells)
        return false;
    uint64_t word = mproc_hand_word(hand, cell);
    bool is_mine = hand_phase(word) == HAND_BOUND && hand_lane(word) == lane &&
                   swap_word(&hand->cell[cell], word, hand_word(HAND_TAKEN, lane, 0, hand_generation(word)));
    /* The owner binds another one only after this, or when we are dead. */
    __atomic_store_n(&own->bound, 0, __ATOMIC_RELEASE);
    *ret_cell = cell;
    return is_mine;
}

bool mproc_hand_claim(struct mproc_hand *hand, uint32_t lane, uint32_t *ret_cell)
{
    struct hand_shared *shared = hand->shared;

    if (claim_bound(hand, lane, ret_cell))
        return true;
    for (;;) {
        uint32_t at = __atomic_load_n(&shared->claimed, __ATOMIC_ACQUIRE);
        uint32_t published = __atomic_load_n(&shared->published, __ATOMIC_ACQUIRE);
        if (at == published)
            return false;
        /* More than the ring has is not what a sound owner or worker writes, and looking at it all would take
         * a minute. */
        if (published - at > 2 * hand->cells) {
            __atomic_compare_exchange_n(&shared->claimed, &at, published - 2 * hand->cells, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
            continue;
        }
        uint32_t cell = __atomic_load_n(&hand->ring[at & (2 * hand->cells - 1)], __ATOMIC_RELAXED);
        bool is_mine = false;
        if (cell < hand->cells) {
            uint64_t word = mproc_hand_word(hand, cell);
            /* Whatever entry led here, also one that is out of date: the word alone decides. */
            is_mine =
                hand_phase(word) == HAND_READY &&
                swap_word(&hand->cell[cell], word, hand_word(HAND_TAKEN, lane, 0, hand_generation(word)));
        }
        /* Whoever sees an entry that is dealt with passes it, so it does not matter who dies here. */
        __atomic_compare_exchange_n(&shared->claimed, &at, at + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
        if (is_mine) {
            *ret_cell = cell;
            return true;
        }
    }
}

bool mproc_hand_step(struct mproc_hand *hand, uint32_t cell, uint32_t lane, uint32_t item)
{
    uint32_t generation = hand_generation(mproc_hand_word(hand, cell));

    return swap_word(&hand->cell[cell], hand_word(HAND_TAKEN, lane, item, generation),
                     hand_word(HAND_TAKEN, lane, item + 1, generation));
}

void mproc_hand_ring(struct mproc_hand *hand)
{
    uint32_t *bell = &hand->shared->bell;

    /* Either the owner sees what was done before it falls asleep, or this sees that it sleeps. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(bell, __ATOMIC_RELAXED) == 0)
        return;
    /* Clears and wakes in one step: who dies in between would leave the owner asleep and the bell silent. */
    unsigned clear = FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0);
    if (syscall(SYS_futex, bell, FUTEX_WAKE_OP, INT_MAX, (void *)0, bell, clear) >= 0)
        return;
    __atomic_store_n(bell, 0, __ATOMIC_RELEASE);
    mproc_wake(bell);
}

bool mproc_hand_finish(struct mproc_hand *hand, uint32_t cell, uint32_t lane, uint32_t items)
{
    struct hand_lane *own = &hand->lane[lane];
    uint32_t generation = hand_generation(mproc_hand_word(hand, cell));
    uint32_t tail = own->tail;

    if (!swap_word(&hand->cell[cell], hand_word(HAND_TAKEN, lane, items - 1, generation),
                   hand_word(HAND_DONE, lane, items, generation)))
        return false;
    hand->done[(size_t)lane * hand->cells + (tail & (hand->cells - 1))] = cell;
    __atomic_store_n(&own->tail, tail + 1, __ATOMIC_RELEASE);
    mproc_hand_ring(hand);
    return true;
}

static bool has_work(const struct mproc_hand *hand, uint32_t lane)
{
    const struct hand_shared *shared = hand->shared;

    return __atomic_load_n(&shared->claimed, __ATOMIC_RELAXED) !=
               __atomic_load_n(&shared->published, __ATOMIC_ACQUIRE) ||
           __atomic_load_n(&hand->lane[lane].bound, __ATOMIC_ACQUIRE) != 0 ||
           __atomic_load_n(&shared->closing, __ATOMIC_ACQUIRE) != 0;
}

static bool spin_for_work(const struct mproc_hand *hand, uint32_t lane)
{
    if (__atomic_load_n(&hand->shared->owner_cpu, __ATOMIC_RELAXED) == (uint32_t)sched_getcpu())
        return false;
    for (int spins = 0, pause = 4; spins < SPINS; spins += pause) {
        if (has_work(hand, lane))
            return true;
        pause = pause < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
        for (int i = 0; i < pause; i++)
            mproc_pause();
    }
    return false;
}

void mproc_hand_await(struct mproc_hand *hand, uint32_t lane)
{
    uint32_t *bell = &hand->lane[lane].bell;

    __atomic_store_n(&hand->lane[lane].cpu, (uint32_t)sched_getcpu(), __ATOMIC_RELAXED);
    if (spin_for_work(hand, lane))
        return;
    __atomic_store_n(bell, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* A stop wakes too: the caller looks at it. */
    if (!has_work(hand, lane))
        mproc_wait_one(bell, 1, MPROC_FOREVER);
    __atomic_store_n(bell, 0, __ATOMIC_RELAXED);
}
