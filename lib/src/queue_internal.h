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

#include "object.h"
#include "segment.h"
#include "wait.h"

/* `commit`: closed (producers' side only) | version, 30 bits | sleeper. */
#define QUEUE_CLOSED       UINT32_C(0x80000000)
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
    uint64_t large_floor;               /* producers: where the oldest large message begins at the least */
    uint64_t large_used;                /* producers: bytes of the large area that may have pages */
};

/* What precedes the producers' side. */
struct queue_config {
    uint64_t max_messages;
};

enum queue_side_index { QUEUE_PRODUCERS, QUEUE_CONSUMERS, QUEUE_SIDE__COUNT };

struct mproc_queue {
    struct queue_side *sides[QUEUE_SIDE__COUNT];
    mproc_robust_word *locks[QUEUE_SIDE__COUNT];
    unsigned char *ring;
    uint64_t ring_bytes;
    uint64_t large_bytes;
    uint64_t inline_limit;
    uint64_t max_messages;
    struct mproc_segment segment;
    _Atomic unsigned refs;
};

enum { QUEUE_RECORD_ALIGN = 8 };

/* Precedes the bytes of each message in the ring. */
struct queue_record {
    uint32_t length; /* of what follows here */
    uint32_t is_large;
};

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

extern const struct mproc_class mproc_queue_class;

/* queue_side.c: the lock and the commit word. */

/* Takes a side's lock. A dead owner left nothing to repair, so -EOWNERDEAD does not appear here. Errors:
 * those of mproc_robust_lock(), with detail. */
int mproc_queue_side_lock(struct mproc_queue *queue, enum queue_side_index index, uint64_t deadline_ns);
void mproc_queue_side_unlock(struct mproc_queue *queue, enum queue_side_index index);

/* A side's mark as it is now, and the commit word it belongs to. */
uint32_t mproc_queue_side_read(const struct queue_side *side, struct queue_mark *ret_mark);

/* Makes `mark` the side's mark and wakes who sleeps on it; the lock is held. Errors: the kernel refused to
 * wake; then nothing has happened. */
int mproc_queue_side_commit(struct queue_side *side, const struct queue_mark *mark);

/* Waits until words[0], a commit word in which the awaited was not, or another of the words changes. `side`
 * is whose commit word it is. Errors: those of mproc_wait(). */
int mproc_queue_side_await(const struct queue_side *side, struct mproc_wait_word *words, size_t count,
                           uint64_t deadline_ns);

/* Closes the producers' side, whose lock is held, and wakes both sides. */
void mproc_queue_side_close(struct mproc_queue *queue);

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
