/*
 * How tasks pass from the owner of a pool to its workers and back: the memory they share.
 *
 * A cell carries one hand-over: the arguments of one task or of several, and their results. One word of 64
 * bits says all about it (phase, worker, task, generation), and each step is one compare-and-swap of it:
 *
 *             offer              claim              the last result
 *     FREE ───────────► READY ───────────► TAKEN 0 ─► … ─► TAKEN k ─────► DONE
 *       ▲                 │ revoke                             │ condemn
 *       └─────────────────┘                                    ▼
 *                                                          CONDEMNED
 *
 * TAKEN k means: the results of the tasks before k are whole, this worker is at task k, and those behind it
 * have not begun. There are no locks, so nobody can die holding one. Wherever a worker is killed, the word
 * says how far it was; the owner reads it once the kernel has told that the worker is dead.
 *
 * A worker that finds its cell CONDEMNED begins nothing more, so the owner can kill it and be sure that no
 * other task suffers. The ring through which workers find cells and the list of those they have done are
 * hints: a lost one is found again by looking at all cells after a death.
 *
 * Only what lives in this memory is shared; both sides check indices and lengths that they find there.
 */
#ifndef MPROC_POOL_HAND_H
#define MPROC_POOL_HAND_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"
#include "segment.h"

enum {
    MPROC_HAND_LANES_MAX = 1024,
    MPROC_HAND_ITEMS_MAX = 1 << 16,
};

enum hand_phase {
    HAND_FREE,
    HAND_READY, /* for whoever claims it first */
    HAND_BOUND, /* for the worker that the word names */
    HAND_TAKEN,
    HAND_DONE,
    HAND_CONDEMNED,
};

/* generation, 32 bits | item, 17 | lane, 12 | phase, 3 */
static inline uint64_t hand_word(enum hand_phase phase, uint32_t lane, uint32_t item, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint64_t)item << 15 | (uint64_t)lane << 3 | (uint64_t)phase;
}

static inline enum hand_phase hand_phase(uint64_t word)
{
    return (enum hand_phase)(word & 7);
}

static inline uint32_t hand_lane(uint64_t word)
{
    return (uint32_t)(word >> 3) & 0xfff;
}

/* The task that a worker is at; of a DONE cell, how many it has done. */
static inline uint32_t hand_item(uint64_t word)
{
    return (uint32_t)(word >> 15) & 0x1ffff;
}

static inline uint32_t hand_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

struct hand_cell {
    alignas(64) uint64_t word;
    uint64_t begun_ns; /* the task it is at; 0: not known yet */
    uint64_t spent_ns; /* on the tasks of this hand-over so far */
    uint32_t entry;
    uint32_t items;
    uint32_t args_len;
    uint32_t attempt; /* of the first item, from 1; the others are at their first */
    uint32_t parcel;  /* the arguments came through the worker's channel */
};

/* Precedes the arguments of each item, and each result. */
struct hand_record {
    uint32_t len; /* HAND_PARCEL | bytes that follow */
    int32_t code; /* of a result: what the task returned; other than 0, its detail follows */
};

#define HAND_PARCEL UINT32_C(0x80000000) /* it went through the channel; nothing follows here */

enum { HAND_RECORD_ALIGN = 8, HAND_DETAIL_MAX = 200 };

static inline size_t hand_record_size(size_t len)
{
    return (sizeof(struct hand_record) + len + HAND_RECORD_ALIGN - 1) & ~(size_t)(HAND_RECORD_ALIGN - 1);
}

enum hand_stage {
    HAND_STARTING, /* its init hook has not returned */
    HAND_SERVING,
    HAND_RETIRING, /* it has done its share or has grown too large, and ends */
};

struct hand_lane {
    /* Both write. */
    alignas(64) uint32_t bell; /* futex word: 1 while the worker sleeps */
    uint32_t bound;            /* 1 + a cell that is BOUND to this lane */
    /* The worker writes. */
    alignas(64) uint32_t tail; /* of its list of cells that it has done */
    uint32_t stage;
    uint32_t cpu;
    uint64_t tasks;
    uint64_t busy_ns;
    uint64_t idle_ns;
    uint64_t since_ns; /* begin of what it does now */
};

struct hand_shared {
    uint32_t cells; /* a power of two */
    uint32_t lanes;
    alignas(64) uint32_t claimed; /* up to where the ring was looked at */
    alignas(64) uint32_t published;
    uint32_t owner_cpu;
    uint32_t closing;          /* who finds nothing more to do ends */
    alignas(64) uint32_t bell; /* futex word: 1 while the owner sleeps */
};

struct mproc_hand {
    struct mproc_segment segment;
    uint32_t cells;
    uint32_t lanes;
    size_t body_bytes;
    struct hand_shared *shared;
    uint32_t *ring; /* 2 * cells, so that entries of cells that were revoked find room */
    struct hand_lane *lane;
    uint32_t *done; /* `cells` for each lane */
    struct hand_cell *cell;
    unsigned char *body;
};

extern const struct mproc_class mproc_hand_class;

/* Makes the memory for so many workers. Errors: those of mproc_segment_create(); -ENOMEM. */
int mproc_hand_create(uint32_t lanes, struct mproc_hand **ret_hand);
void mproc_hand_free(struct mproc_hand *hand);

/* Where the arguments of a cell are, and its results: behind the arguments. */
static inline unsigned char *mproc_hand_args(const struct mproc_hand *hand, uint32_t cell)
{
    return hand->body + cell * hand->body_bytes;
}

static inline size_t mproc_hand_results_at(size_t args_len)
{
    return (args_len + 63) & ~(size_t)63;
}

/* pool_hand_owner.c: all under the lock of the pool. */

/* Offers a cell that is filled, to all or to one lane. Returns false when the ring is full, which only cells
 * that were revoked can bring about; or when the lane has one already. Nobody is woken. */
bool mproc_hand_offer(struct mproc_hand *hand, uint32_t cell);
bool mproc_hand_offer_to(struct mproc_hand *hand, uint32_t cell, uint32_t lane);

/* Wakes up to so many of the sleeping workers. */
void mproc_hand_wake(struct mproc_hand *hand, uint32_t count);
void mproc_hand_wake_lane(struct mproc_hand *hand, uint32_t lane);

/* Takes a cell back that nobody has claimed. Returns whether nobody has. */
bool mproc_hand_revoke(struct mproc_hand *hand, uint32_t cell);

/* Condemns the worker that is at the task of `word`. Returns false when the word has changed: the worker was
 * faster. */
bool mproc_hand_condemn(struct mproc_hand *hand, uint32_t cell, uint64_t word);

/* The next cell that a worker has done, from its list of which `*head` were read. */
bool mproc_hand_next_done(const struct mproc_hand *hand, uint32_t lane, uint32_t *head, uint32_t *ret_cell);

/* Whether a worker has done something beyond `head`. */
bool mproc_hand_has_done(const struct mproc_hand *hand, uint32_t lane, uint32_t head);

/* The lane's worker is dead and its list was read: makes it fit for the next. */
void mproc_hand_reset_lane(struct mproc_hand *hand, uint32_t lane);

/* The record at `offset` of `size` bytes. Errors: -EBADMSG. */
int mproc_hand_read_record(const unsigned char *bytes, size_t size, size_t offset,
                           struct hand_record *ret_record);

static inline uint64_t mproc_hand_word(const struct mproc_hand *hand, uint32_t cell)
{
    return __atomic_load_n(&hand->cell[cell].word, __ATOMIC_ACQUIRE);
}

/* pool_hand_worker.c */

/* Claims a cell. Returns false when there is none. */
bool mproc_hand_claim(struct mproc_hand *hand, uint32_t lane, uint32_t *ret_cell);

/* The task `item` of the cell is done and its result whole: on to the next. Returns false when the worker was
 * condemned. */
bool mproc_hand_step(struct mproc_hand *hand, uint32_t cell, uint32_t lane, uint32_t item);

/* All up to `items` is done, whether or not the cell has more: hands it back and wakes the owner. Returns
 * false when the worker was condemned. */
bool mproc_hand_finish(struct mproc_hand *hand, uint32_t cell, uint32_t lane, uint32_t items);

/* Waits until there may be something to do, the pool is closing, or the worker is asked to stop. */
void mproc_hand_await(struct mproc_hand *hand, uint32_t lane);

/* Wakes the owner if it sleeps. */
void mproc_hand_ring(struct mproc_hand *hand);

#endif
