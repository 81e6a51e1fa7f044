#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error_internal.h"
#include "queue_internal.h"
#include "wait.h"

/* A few microseconds: about what falling asleep and being woken costs both sides. */
enum { SPINS = 250, LONGEST_PAUSE = 32 };

/* Trying once still lets another finish the put or get it is in the middle of. */
static const uint64_t try_grace_ns = 2 * 1000 * 1000;

/* When it is not simply free: `err` is what the first try said. */
static int lock_slowly(mproc_robust_word *lock, int err, enum queue_side_index index, uint64_t deadline_ns)
{
    if (err == -EAGAIN) {
        err =
            mproc_robust_lock(lock, deadline_ns == MPROC_NOW ? mproc_clock_ns() + try_grace_ns : deadline_ns);
        if (err == -ETIMEDOUT)
            return mproc_fail(deadline_ns == MPROC_NOW ? -EAGAIN : err,
                              "thread %u is inside a %s of this queue and does not go on: is it stopped?",
                              mproc_robust_owner(lock), index == QUEUE_PRODUCERS ? "put" : "get");
    }
    if (err == -EOWNERDEAD)
        return mproc_robust_repaired(lock);
    if (err == -EDEADLK)
        return mproc_fail(err, "this thread is inside a %s of this queue already (a signal handler?)",
                          index == QUEUE_PRODUCERS ? "put" : "get");
    return err;
}

int mproc_queue_side_seize(struct mproc_queue *queue, enum queue_side_index index, uint64_t deadline_ns)
{
    int err = mproc_robust_lock(queue->locks[index], MPROC_NOW);

    return err ? lock_slowly(queue->locks[index], err, index, deadline_ns) : 0;
}

int mproc_queue_side_lock(struct mproc_queue *queue, enum queue_side_index index, uint64_t deadline_ns)
{
    int err = mproc_handle_check(queue, "queue");

    if (err)
        return err;
    err = mproc_robust_lock(queue->locks[index], MPROC_NOW);
    return err ? lock_slowly(queue->locks[index], err, index, deadline_ns) : 0;
}

void mproc_queue_side_unlock(struct mproc_queue *queue, enum queue_side_index index)
{
    mproc_robust_unlock(queue->locks[index]);
}

static uint32_t load_commit(const struct queue_side *side)
{
    return __atomic_load_n(&side->commit, __ATOMIC_ACQUIRE);
}

static uint64_t load_position(const uint64_t *position)
{
    return __atomic_load_n(position, __ATOMIC_RELAXED);
}

uint32_t mproc_queue_side_read(const struct queue_side *side, struct queue_mark *ret_mark)
{
    uint32_t commit;
    uint32_t before;

    do {
        before = load_commit(side);
        const struct queue_mark *mark = &side->marks[queue_parity(before)];
        *ret_mark = (struct queue_mark){load_position(&mark->ring), load_position(&mark->large),
                                        load_position(&mark->messages)};
        atomic_thread_fence(memory_order_acquire);
        commit = __atomic_load_n(&side->commit, __ATOMIC_RELAXED);
    } while ((commit ^ before) & QUEUE_VERSION_MASK);
    return before;
}

static int commit_and_wake(struct queue_side *side, uint32_t commit)
{
    /* Stepping the last version by addition would carry into the closed bit, which is not set here. */
    bool wraps = (commit & QUEUE_VERSION_MASK) == QUEUE_VERSION_MASK;
    unsigned add_one = FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0);
    unsigned set_zero = FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0);

    if (!mproc_wake_op(&side->commit, wraps ? set_zero : add_one))
        return mproc_fail(-ENOTSUP, "the kernel refuses FUTEX_WAKE_OP (a seccomp filter?)");
    return 0;
}

bool mproc_queue_side_has_room(const struct mproc_queue *queue, const struct queue_mark *head)
{
    const struct queue_mark *room = &queue->sides[QUEUE_PRODUCERS]->room;

    return head->ring >= load_position(&room->ring) && head->messages >= load_position(&room->messages);
}

/* Whether those who sleep because consumers were not further have something of their having come to this
 * mark. Who joins waits for the last message; and a putter that died may have left `room` too far away. */
static bool is_worth_waking(const struct mproc_queue *queue, uint32_t commit, const struct queue_mark *head)
{
    return (commit & QUEUE_URGENT) || mproc_queue_side_has_room(queue, head) ||
           head->ring == queue->sides[QUEUE_CONSUMERS]->seen.ring;
}

/* The next version. With nobody asleep nobody is urgent. */
static uint32_t step(enum queue_side_index index, uint32_t commit)
{
    uint32_t version = (commit + QUEUE_VERSION_ONE) & QUEUE_VERSION_MASK;

    if (index == QUEUE_CONSUMERS && !(commit & QUEUE_SLEEPER))
        return version;
    return (commit & ~QUEUE_VERSION_MASK) | version;
}

int mproc_queue_side_commit(struct mproc_queue *queue, enum queue_side_index index,
                            const struct queue_mark *mark)
{
    struct queue_side *side = queue->sides[index];
    uint32_t commit = load_commit(side);
    struct queue_mark *next = &side->marks[!queue_parity(commit)];
    uint32_t cpu = (uint32_t)sched_getcpu();

    __atomic_store_n(&next->ring, mark->ring, __ATOMIC_RELAXED);
    __atomic_store_n(&next->large, mark->large, __ATOMIC_RELAXED);
    __atomic_store_n(&next->messages, mark->messages, __ATOMIC_RELAXED);
    if (__atomic_load_n(&side->cpu, __ATOMIC_RELAXED) != cpu)
        __atomic_store_n(&side->cpu, cpu, __ATOMIC_RELAXED);
    /* What a sleeper waits for it has written before it set the bit. */
    while (!(commit & QUEUE_SLEEPER) || (index == QUEUE_CONSUMERS && !is_worth_waking(queue, commit, mark))) {
        if (__atomic_compare_exchange_n(&side->commit, &commit, step(index, commit), false, __ATOMIC_RELEASE,
                                        __ATOMIC_ACQUIRE))
            return 0;
    }
    return commit_and_wake(side, commit);
}

/* Whether the side has come to where it is worth to look at what it has done. */
static bool has_come(const struct mproc_queue *queue, enum queue_side_index index,
                     const struct queue_wait *wait)
{
    const struct mproc_wait_word *word = &wait->words[0];
    struct queue_mark head;

    if (__atomic_load_n(word->word, __ATOMIC_RELAXED) == word->expected)
        return false;
    if (index == QUEUE_PRODUCERS || (wait->announced & QUEUE_URGENT))
        return true;
    mproc_queue_side_read(queue->sides[QUEUE_CONSUMERS], &head);
    return mproc_queue_side_has_room(queue, &head);
}

static bool spin_for_change(const struct mproc_queue *queue, enum queue_side_index index,
                            const struct queue_wait *wait)
{
    const struct queue_side *side = queue->sides[index];

    if (__atomic_load_n(&side->cpu, __ATOMIC_RELAXED) == (uint32_t)sched_getcpu())
        return false;
    /* Looks less and less often: each look takes the cache line away from who is to write it. */
    for (int spins = 0, pause = 8; spins < SPINS; spins += pause) {
        if (has_come(queue, index, wait))
            return true;
        pause = pause < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
        for (int i = 0; i < pause; i++)
            mproc_pause();
    }
    return false;
}

/* Announces a sleeper in a commit word. Returns false when the word has changed. */
static bool announce(struct mproc_wait_word *word, uint32_t announced)
{
    uint32_t expected = word->expected;

    if ((expected & announced) != announced &&
        !__atomic_compare_exchange_n((uint32_t *)(uintptr_t)word->word, &expected, expected | announced,
                                     false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return false;
    word->expected |= announced;
    return true;
}

int mproc_queue_side_await(const struct mproc_queue *queue, enum queue_side_index index,
                           const struct queue_wait *wait, uint64_t deadline_ns)
{
    if (deadline_ns == MPROC_NOW)
        return -EAGAIN;
    if (spin_for_change(queue, index, wait))
        return 0;
    for (size_t i = 0; i < wait->commits; i++) {
        if (!announce(&wait->words[i], wait->announced))
            return 0;
    }
    return mproc_wait(wait->words, wait->count, deadline_ns);
}

void mproc_queue_side_close(struct mproc_queue *queue)
{
    uint32_t *producers = &queue->sides[QUEUE_PRODUCERS]->commit;
    uint32_t *consumers = &queue->sides[QUEUE_CONSUMERS]->commit;
    /* Set the top bit; consumers sleep on this word, and are woken when it was not negative, that is open. */
    unsigned close = FUTEX_OP(((unsigned)FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 31, FUTEX_OP_CMP_GE, 0);

    if (__atomic_load_n(producers, __ATOMIC_RELAXED) & QUEUE_CLOSED)
        return;
    if (syscall(SYS_futex, consumers, FUTEX_WAKE_OP, INT_MAX, (void *)INT_MAX, producers, close) >= 0)
        return;
    __atomic_fetch_or(producers, QUEUE_CLOSED, __ATOMIC_RELEASE);
    mproc_wake(producers);
    mproc_wake(consumers);
}
