/*
 * Rwlocks, barriers and conditions of glibc on x86-64. Each has several words that are waited at; from where
 * the word would be, the rest is looked at, and all of it must fit. Only of a rwlock does anything hang on it
 * but words: its writer is the one who can end the wait.
 */
#include "probe/futex_shapes.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>

enum { WAITERS_MAX = 100000 };

struct rwlock_layout {
    uint32_t readers, writers, phase, writer_word, pad[2];
    int32_t writer, shared;
    uint64_t elision, pad2;
    uint32_t flags;
};
/* In `readers`. */
enum { WRITE_PHASE = 1, WRITE_LOCKED = 2, READERS_WAIT = 4, READERS_SHIFT = 3 };
enum { RWLOCK_FLAGS_MAX = 2, WORD_USED = 2 };

struct barrier_layout {
    uint32_t in, round, count, shared, out;
};

struct condition_layout {
    uint64_t sequence, group_start;
    uint32_t references[2], sizes[2], first_size, waiters, signals[2];
};

static bool read_around(pid_t tid, uint64_t word, size_t offset, void *layout, size_t size)
{
    return word > offset && pf_proc_memory(tid, word - offset, layout, size) == 0;
}

static bool fits_rwlock(const struct rwlock_layout *lock, const struct pf_futex_wait *wait)
{
    return lock->shared == !wait->process_only && lock->writer >= 0 && lock->pad[0] == 0 &&
           lock->pad[1] == 0 && lock->elision == 0 && lock->pad2 == 0 && lock->flags <= RWLOCK_FLAGS_MAX &&
           lock->phase <= 3 && lock->writer_word <= 3;
}

/* Who writes has closed it to all; the number is written after that, and taken away before it is opened. */
static bool is_written(const struct rwlock_layout *lock)
{
    return (lock->readers & WRITE_PHASE) && (lock->readers & WRITE_LOCKED) && lock->writer > 0;
}

static bool is_rwlock(pid_t tid, const struct pf_futex_wait *wait, struct pf_futex *ret_futex)
{
    static const struct {
        size_t offset;
        uint32_t bits; /* that are set in what the wait began with */
    } words[] = {
        {offsetof(struct rwlock_layout, phase), WORD_USED},
        {offsetof(struct rwlock_layout, writer_word), WORD_USED},
        {offsetof(struct rwlock_layout, readers), READERS_WAIT}, /* where writers go first */
    };
    struct rwlock_layout lock;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        uint32_t readers;
        if (!(wait->value & words[i].bits) ||
            !read_around(tid, wait->address, words[i].offset, &lock, sizeof(lock)) ||
            !fits_rwlock(&lock, wait))
            continue;
        readers = lock.readers & WRITE_PHASE ? 0 : lock.readers >> READERS_SHIFT;
        if (!is_written(&lock) && (readers == 0 || readers > WAITERS_MAX))
            continue;
        ret_futex->kind = PF_FUTEX_RWLOCK;
        ret_futex->owner_tid = is_written(&lock) ? (uint64_t)lock.writer : 0;
        ret_futex->readers = readers;
        return true;
    }
    return false;
}

static bool is_barrier(pid_t tid, const struct pf_futex_wait *wait, struct pf_futex *ret_futex)
{
    struct barrier_layout barrier;
    if (!read_around(tid, wait->address, offsetof(struct barrier_layout, round), &barrier, sizeof(barrier)))
        return false;
    uint32_t came = barrier.in - barrier.round;
    if (barrier.round != wait->value || barrier.count < 2 || barrier.count > WAITERS_MAX || came < 1 ||
        came >= barrier.count || barrier.shared != (wait->process_only ? 0 : FUTEX_PRIVATE_FLAG) ||
        barrier.out > barrier.round)
        return false;
    ret_futex->kind = PF_FUTEX_BARRIER;
    ret_futex->missing = barrier.count - came;
    return true;
}

static bool fits_condition(const struct condition_layout *condition, size_t group, bool process_only)
{
    enum { SHARED = 1, WAITER = 8 };
    return condition->waiters >= WAITER && condition->waiters / WAITER <= WAITERS_MAX &&
           !(condition->waiters & SHARED) == process_only && condition->references[group] >= 2 &&
           condition->references[group] / 2 <= WAITERS_MAX && condition->signals[group] == 0 &&
           condition->sequence >= condition->group_start && condition->sizes[0] <= WAITERS_MAX &&
           condition->sizes[1] <= WAITERS_MAX;
}

static bool is_condition(pid_t tid, const struct pf_futex_wait *wait, struct pf_futex *ret_futex)
{
    struct condition_layout condition;
    for (size_t group = 0; group < 2 && wait->value == 0; group++) {
        size_t offset = offsetof(struct condition_layout, signals) + group * sizeof(uint32_t);
        if (!read_around(tid, wait->address, offset, &condition, sizeof(condition)) ||
            !fits_condition(&condition, group, wait->process_only))
            continue;
        ret_futex->kind = PF_FUTEX_CONDITION;
        return true;
    }
    return false;
}

bool pf_futex_shape(pid_t tid, const struct pf_futex_wait *wait, struct pf_futex *ret_futex)
{
    if (wait->operation == FUTEX_WAIT_BITSET)
        return is_condition(tid, wait, ret_futex) || is_rwlock(tid, wait, ret_futex);
    return wait->operation == FUTEX_WAIT && is_barrier(tid, wait, ret_futex);
}
