#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error_internal.h"
#include "pool_hand.h"
#include "wait.h"

static void set_word(struct hand_cell *cell, enum hand_phase phase, uint32_t lane)
{
    uint32_t generation = hand_generation(__atomic_load_n(&cell->word, __ATOMIC_RELAXED)) + 1;

    cell->begun_ns = 0;
    cell->spent_ns = 0;
    __atomic_store_n(&cell->word, hand_word(phase, lane, 0, generation), __ATOMIC_RELEASE);
}

bool mproc_hand_offer(struct mproc_hand *hand, uint32_t cell)
{
    struct hand_shared *shared = hand->shared;
    uint32_t published = shared->published;

    if (published - __atomic_load_n(&shared->claimed, __ATOMIC_ACQUIRE) >= 2 * hand->cells)
        return false;
    set_word(&hand->cell[cell], HAND_READY, 0);
    __atomic_store_n(&hand->ring[published & (2 * hand->cells - 1)], cell, __ATOMIC_RELAXED);
    __atomic_store_n(&shared->published, published + 1, __ATOMIC_RELEASE);
    return true;
}

bool mproc_hand_offer_to(struct mproc_hand *hand, uint32_t cell, uint32_t lane)
{
    uint32_t *bound = &hand->lane[lane].bound;

    if (__atomic_load_n(bound, __ATOMIC_ACQUIRE) != 0)
        return false;
    set_word(&hand->cell[cell], HAND_BOUND, lane);
    __atomic_store_n(bound, cell + 1, __ATOMIC_RELEASE);
    return true;
}

static bool wake_if_asleep(struct hand_lane *lane)
{
    uint32_t asleep = 1;

    if (__atomic_load_n(&lane->bell, __ATOMIC_RELAXED) != 1 ||
        !__atomic_compare_exchange_n(&lane->bell, &asleep, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    mproc_wake(&lane->bell);
    return true;
}

void mproc_hand_wake(struct mproc_hand *hand, uint32_t count)
{
    /* Either this sees who sleeps, or who falls asleep sees what was offered. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < hand->lanes && count > 0; i++) {
        if (wake_if_asleep(&hand->lane[i]))
            count--;
    }
}

void mproc_hand_wake_lane(struct mproc_hand *hand, uint32_t lane)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    wake_if_asleep(&hand->lane[lane]);
}

bool mproc_hand_revoke(struct mproc_hand *hand, uint32_t cell)
{
    uint64_t word = mproc_hand_word(hand, cell);
    bool is_waiting = hand_phase(word) == HAND_READY || hand_phase(word) == HAND_BOUND;

    return is_waiting && __atomic_compare_exchange_n(&hand->cell[cell].word, &word,
                                                     hand_word(HAND_FREE, 0, 0, hand_generation(word)), false,
                                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool mproc_hand_condemn(struct mproc_hand *hand, uint32_t cell, uint64_t word)
{
    uint64_t condemned = hand_word(HAND_CONDEMNED, hand_lane(word), hand_item(word), hand_generation(word));

    return hand_phase(word) == HAND_TAKEN &&
           __atomic_compare_exchange_n(&hand->cell[cell].word, &word, condemned, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

bool mproc_hand_has_done(const struct mproc_hand *hand, uint32_t lane, uint32_t head)
{
    return __atomic_load_n(&hand->lane[lane].tail, __ATOMIC_ACQUIRE) != head;
}

bool mproc_hand_next_done(const struct mproc_hand *hand, uint32_t lane, uint32_t *head, uint32_t *ret_cell)
{
    uint32_t tail = __atomic_load_n(&hand->lane[lane].tail, __ATOMIC_ACQUIRE);

    if (tail == *head)
        return false;
    /* More than there are cells is not what a sound worker writes. */
    if (tail - *head > hand->cells)
        *head = tail - hand->cells;
    *ret_cell = hand->done[(size_t)lane * hand->cells + ((*head)++ & (hand->cells - 1))];
    return true;
}

void mproc_hand_reset_lane(struct mproc_hand *hand, uint32_t lane)
{
    memset(&hand->lane[lane], 0, sizeof(hand->lane[lane]));
}

int mproc_hand_read_record(const unsigned char *bytes, size_t size, size_t offset,
                           struct hand_record *ret_record)
{
    struct hand_record record;

    if (offset > size || size - offset < sizeof(record))
        return mproc_fail(-EBADMSG, "the memory of the pool is damaged: a record at %zu of %zu", offset,
                          size);
    memcpy(&record, bytes + offset, sizeof(record));
    size_t len = record.len & HAND_PARCEL ? 0 : record.len;
    if (size - offset - sizeof(record) < len)
        return mproc_fail(-EBADMSG, "the memory of the pool is damaged: a record of %zu bytes at %zu of %zu",
                          len, offset, size);
    *ret_record = record;
    return 0;
}
