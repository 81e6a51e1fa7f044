/*
 * Inside a queue.
 *
 * Two sides, producers and consumers, each with a robust lock and a control page. What a side has done is one
 * word, `commit`, and two marks (positions); the mark that counts is chosen by the parity of the version in
 * the word. A side writes its next mark, which nobody looks at, and then steps the version: that single
 * atomic step is the whole put or get. Whoever dies before it has done nothing, and after it everything;
 * there is nothing to repair.
 *
 * Who finds the other side's word unchanged and must sleep sets the word's sleeper bit. Stepping a version
 * whose sleeper bit is set is one system call that adds 1, which steps the version, clears the bit, and
 * wakes: no kill falls between publishing and waking.
 *
 * Who takes from a full queue does not wake for every message those who wait for room, but when there is as
 * much as they wait for, `room`. They wait for a good part of the queue, and only for so long. Then they wait
 * for any room, and set a bit to say so: unlike `room` that is in the word which the others step, so nobody
 * who steps it can have missed it. The bit goes when nobody sleeps.
 *
 * A side trusts no byte of the memory further than that it may lie: offsets are masked, lengths are compared
 * with what the positions allow, values are read once.
 */
#ifndef MPROC_QUEUE_INTERNAL_H
#define MPROC_QUEUE_INTERNAL_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/queue.h>

#include "handle.h"
#include "object.h"
#include "segment.h"
#include "wait.h"

/* `commit`: closed (producers' side), or urgent (consumers' side) | version, 30 bits | sleeper. */
#define QUEUE_CLOSED       UINT32_C(0x80000000)
#define QUEUE_URGENT       UINT32_C(0x80000000)
#define QUEUE_VERSION_MASK UINT32_C(0x7ffffffe)
#define QUEUE_VERSION_ONE  UINT32_C(2)
#define QUEUE_SLEEPER      UINT32_C(1)

/* Positions only grow; each is taken modulo the size of its area. */
struct queue_mark {
    uint64_t ring;
    uint64_t large;
    uint64_t messages;
};

struct queue_side {
    /* What the other side reads: one cache line. */
    alignas(64) uint32_t commit;
    uint32_t cpu; /* where this side last ran: whether spinning for it makes sense */
    struct queue_mark marks[2];
    /* What only the holder of this side's lock uses. */
    alignas(64) struct queue_mark seen; /* the other side's mark when last looked at: a lower bound */
    struct queue_mark room;             /* producers: where consumers must have come to for one to be woken */
    uint64_t large_floor;               /* producers: where the oldest large message begins at the least */
    uint64_t large_used;                /* producers: bytes of the large area that may have pages */
    uint64_t taken[2];                  /* consumers, when redelivering: see queue_lease.c */
    uint32_t seats_used;                /* the same: no seat from here on was ever taken */
    uint32_t arrivals;                  /* the same: how often a seat was taken; sleepers watch it */
    uint32_t pauses;                    /* consumers: how long to wait before the next look at producers */
    uint32_t bell;                      /* producers, when pollable: see queue_bell.c */
};

/* What precedes the producers' side. */
struct queue_config {
    uint64_t max_messages;
    uint32_t pollable;
};

/* Of `pauses`: about a microsecond. */
enum { QUEUE_LONGEST_LOOK = 64 };

enum queue_side_index { QUEUE_PRODUCERS, QUEUE_CONSUMERS, QUEUE_SIDE__COUNT };

/* The control page behind those of the sides, where there is a block: its lock is that of the block. */
enum { QUEUE_BLOCK_CONTROL = QUEUE_SIDE__COUNT };

struct mproc_queue {
    struct mproc_grip grip;
    struct queue_side *sides[QUEUE_SIDE__COUNT];
    mproc_robust_word *locks[QUEUE_SIDE__COUNT];
    unsigned char *ring;
    uint64_t ring_bytes;
    uint64_t large_bytes;
    uint64_t inline_limit;
    uint64_t max_messages;
    bool redelivers;
    int bell_fd; /* -1: not pollable */
    struct mproc_segment segment;
};

static inline bool queue_is_pollable(const struct mproc_queue *queue)
{
    return queue->bell_fd >= 0;
}

/* Which of a side's two marks counts. */
static inline unsigned queue_parity(uint32_t commit)
{
    return (commit / QUEUE_VERSION_ONE) & 1;
}

enum { QUEUE_RECORD_ALIGN = 8 };

/* Precedes the bytes of each message in the ring. */
struct queue_record {
    uint32_t length; /* of what follows here */
    uint32_t state;  /* QUEUE_LARGE | a lease */
};

#define QUEUE_LARGE      UINT32_C(0x80000000)
#define QUEUE_LEASE_MASK UINT32_C(0x0000ffff)

/* What a large message has in the ring. */
struct queue_large {
    uint64_t position;
    uint64_t length;
};

static inline uint64_t queue_record_size(uint64_t length)
{
    return (sizeof(struct queue_record) + length + QUEUE_RECORD_ALIGN - 1) &
           ~(uint64_t)(QUEUE_RECORD_ALIGN - 1);
}

/* A message as the ring tells it: checked, and out of reach of other processes but for the bytes at `data`.
 */
struct queue_found {
    uint64_t size; /* in the ring */
    uint64_t length;
    uint32_t lease;
    const unsigned char *data; /* NULL: a large one */
    struct queue_large large;
};

static inline struct queue_record *queue_record_at(const struct mproc_queue *queue, uint64_t position)
{
    return (struct queue_record *)(void *)(queue->ring + (position & (queue->ring_bytes - 1)));
}

extern const struct mproc_class mproc_queue_class;

/* queue.c: a queue that has a block of whole pages beside it, zeroed, and a lock, which the queue itself does
 * not use: for who builds upon queues. It travels as a queue does, but does not pass for one. */
int mproc_queue_create_with_block(const char *name, const struct mproc_queue_options *options,
                                  uint64_t block_bytes, struct mproc_queue **ret_queue);
int mproc_queue_unpack_with_block(const struct mproc_parcel *parcel, struct mproc_queue **ret_queue);
void *mproc_queue_block(const struct mproc_queue *queue);
mproc_robust_word *mproc_queue_block_lock(const struct mproc_queue *queue);
uint64_t mproc_queue_block_bytes(const struct mproc_queue *queue);

/* How many messages have been taken, or, when redelivering, done since it was made. */
uint64_t mproc_queue_count_done(const struct mproc_queue *queue);

/* Ends a queue just unpacked; the descriptor stays the parcel's. */
void mproc_queue_abandon(struct mproc_queue *queue);

/* queue_record.c: reads the record at `position`, behind which records go on until `end`. Errors: -EBADMSG.
 */
int mproc_queue_find(const struct mproc_queue *queue, uint64_t position, uint64_t end,
                     struct queue_found *ret_found);

/* Advances a mark over a record. */
void mproc_queue_pass(struct queue_mark *mark, const struct queue_found *found);

/* queue_side.c: the lock and the commit word. */

/* Takes a side's lock. A dead owner left nothing to repair, so -EOWNERDEAD does not appear here. Errors:
 * those of mproc_robust_lock(), with detail. */
int mproc_queue_side_lock(struct mproc_queue *queue, enum queue_side_index index, uint64_t deadline_ns);
void mproc_queue_side_unlock(struct mproc_queue *queue, enum queue_side_index index);

/* The same, also for a handle whose last reference is just being given back. */
int mproc_queue_side_seize(struct mproc_queue *queue, enum queue_side_index index, uint64_t deadline_ns);

/* A side's mark as it is now, and the commit word it belongs to. */
uint32_t mproc_queue_side_read(const struct queue_side *side, struct queue_mark *ret_mark);

/* Makes `mark` the side's mark and wakes who sleeps on it, unless they wait for more room than there is; the
 * lock is held. Errors: the kernel refused to wake; then nothing has happened. */
int mproc_queue_side_commit(struct mproc_queue *queue, enum queue_side_index index,
                            const struct queue_mark *mark);

/* The longest that somebody who waits for room goes on waiting although there is some. Tests of wake-ups
 * change it, so that its end cannot pass for one. */
extern uint64_t mproc_queue_patience_ns;

/* Whether consumers, being at this mark, have made the room that producers wait for. */
bool mproc_queue_side_has_room(const struct mproc_queue *queue, const struct queue_mark *head);

/* What somebody waits on: the first `commits` words are commit words in which the awaited was not. */
struct queue_wait {
    struct mproc_wait_word *words;
    size_t commits;
    size_t count;
    uint32_t announced; /* in the commit words: QUEUE_SLEEPER, or with it QUEUE_URGENT */
};

/* Waits until one of the words changes; `index` is whose the first one is. Errors: those of mproc_wait(). */
int mproc_queue_side_await(const struct mproc_queue *queue, enum queue_side_index index,
                           const struct queue_wait *wait, uint64_t deadline_ns);

/* Closes the producers' side, whose lock is held, and wakes both sides. */
void mproc_queue_side_close(struct mproc_queue *queue);

/* queue_lease.c: who has what, in a queue that redelivers. The consumers' lock is held throughout. */

enum { QUEUE_SEATS = 64, QUEUE_WATCHED = QUEUE_SEATS + 3 };

#define QUEUE_NO_SEAT UINT32_MAX

/* The seat of the calling thread; takes one if need be. Errors: -EUSERS none is free, -ENOMEM. */
int mproc_queue_lease_seat(struct mproc_queue *queue, uint32_t *ret_seat);

/* The seat that the calling thread has. Returns whether it has one. */
bool mproc_queue_lease_has_seat(const struct mproc_queue *queue, uint32_t *ret_seat);

/* Notes in a record who has it. */
void mproc_queue_lease_write(struct mproc_queue *queue, uint64_t position, uint32_t seat);

/* Up to where messages are taken. */
uint64_t mproc_queue_lease_taken(const struct mproc_queue *queue);

/* Like mproc_queue_side_commit(), with that as well. */
int mproc_queue_lease_commit(struct mproc_queue *queue, const struct queue_mark *head, uint64_t taken);

/* Finds a message that a dead reader had, and wakes who watches for deaths: they look again when this thread
 * has taken it. Errors: -ENOENT none; -EBADMSG. */
int mproc_queue_lease_orphan(struct mproc_queue *queue, const struct queue_mark *head,
                             uint64_t *ret_position);

/* All that the seat has is done; QUEUE_NO_SEAT only passes what others have done, who died before they could.
 * Errors: -EBADMSG; those of mproc_queue_side_commit(). */
int mproc_queue_lease_finish(struct mproc_queue *queue, uint32_t seat);

/* Which seats, as bits, have threads that died and may have left messages. */
uint64_t mproc_queue_lease_dead(const struct mproc_queue *queue);

/* Adds to what a sleeper waits on: arrivals, and deaths in the seats that are not among the ignored ones.
 * Returns how many words there are then. */
size_t mproc_queue_lease_watch(struct mproc_queue *queue, uint64_t ignored, struct mproc_wait_word *words,
                               size_t count);

/* The calling thread leaves: what it has is redelivered. Without the lock. */
void mproc_queue_lease_leave(struct mproc_queue *queue);

/* queue_bell.c: what is polled. */

/* Of `bell`: what the eventfd is. */
enum { QUEUE_BELL_SILENT, QUEUE_BELL_UNSURE, QUEUE_BELL_RINGS };

/* Makes a bell. Errors: -EMFILE, -ENFILE, -ENOMEM; with detail. */
int mproc_queue_bell_create(int *ret_fd);

/* Whether a descriptor that came from anywhere can be one. Errors: -EBADMSG. */
int mproc_queue_bell_check(int fd);

/* Rings, of a pollable queue; the producers' lock is held, and what it rings for is not there yet. Errors: it
 * may be silent. */
int mproc_queue_bell_ring(struct mproc_queue *queue);

/* For who has found the queue empty, whether pollable or not, and holds no lock: hushes the bell, unless
 * there is something by now. Returns whether there may be. */
bool mproc_queue_bell_is_early(struct mproc_queue *queue);

/* For who may have made messages of a queue that redelivers available without a put, or have done the last of
 * a closed one, and holds no lock: rings if so. */
void mproc_queue_bell_pass_on(struct mproc_queue *queue);

/* Whether a get may find something in a queue that redelivers, of which the bell may not tell. */
bool mproc_queue_needs_a_look(const struct mproc_queue *queue);

/* queue_large.c: the large area. */

/* Finds room for `length` bytes behind tail->large; the producers' lock is held. Returns whether there is. */
bool mproc_queue_large_fits(const struct mproc_queue *queue, const struct queue_mark *tail, uint64_t length,
                            uint64_t *ret_position);

/* Writes a large message there; the producers' lock is held. Errors: with detail. */
int mproc_queue_large_write(struct mproc_queue *queue, const struct queue_mark *tail, uint64_t position,
                            const void *data, size_t length);

/* Reads one that the ring told of; the consumers' lock is held. Errors: -EBADMSG, -EIO. */
int mproc_queue_large_read(const struct mproc_queue *queue, const struct queue_large *large, void *ret_data);

#endif
