#include <errno.h>
#include <sched.h>

#include "error_internal.h"
#include "pool_internal.h"
#include "wait.h"

/* A few microseconds: about what falling asleep and being woken costs both sides. */
enum { SPINS = 400, LONGEST_PAUSE = 16 };

int mproc_pool_lock(struct mproc_pool *pool)
{
    int r = mproc_context_check_owner(pool->context);

    if (r == 0)
        pthread_mutex_lock(&pool->lock);
    return r;
}

int mproc_pool_enter(struct mproc_pool *pool)
{
    int r = mproc_handle_check(pool, "pool");

    return r ? r : mproc_pool_lock(pool);
}

void mproc_pool_unlock(struct mproc_pool *pool)
{
    pthread_mutex_unlock(&pool->lock);
}

void mproc_pool_collect_lane(struct mproc_pool *pool, uint32_t lane)
{
    uint32_t cell;

    while (mproc_hand_next_done(pool->hand, lane, &pool->workers[lane].head, &cell)) {
        struct pool_job *job = cell < pool->hand->cells ? pool->in_cell[cell] : NULL;
        if (!job || job->state != JOB_IN_CELL)
            continue;
        uint64_t word = mproc_hand_word(pool->hand, cell);
        if (hand_phase(word) == HAND_DONE && hand_lane(word) == lane)
            mproc_job_collect(pool, job, word);
    }
}

void mproc_pool_pump(struct mproc_pool *pool)
{
    uint64_t now_ns = mproc_clock_ns();
    uint32_t cpu = (uint32_t)sched_getcpu();

    if (!pool->hand)
        return;
    if (pool->hand->shared->owner_cpu != cpu)
        __atomic_store_n(&pool->hand->shared->owner_cpu, cpu, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < pool->nworkers; i++)
        mproc_pool_collect_lane(pool, i);
    bool is_time = now_ns >= pool->next_look_ns;
    mproc_pool_look_after(pool, now_ns);
    mproc_pool_do_due(pool, now_ns);
    mproc_pool_rebind(pool, is_time);
    if (pool->pending)
        mproc_pool_dispatch(pool);
    if (pool->offered > 0)
        mproc_hand_wake(pool->hand, pool->offered);
    pool->offered = 0;
    /* Other threads may have slept through what was done here. */
    if (pool->news)
        mproc_hand_ring(pool->hand);
    pool->news = false;
}

static bool has_done(const struct mproc_pool *pool)
{
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        if (mproc_hand_has_done(pool->hand, i, pool->workers[i].head))
            return true;
    }
    return false;
}

/* Whether to wait awake makes sense: some worker is at work on another CPU. */
static bool runs_elsewhere(const struct mproc_pool *pool)
{
    uint32_t cpu = (uint32_t)sched_getcpu();

    if (pool->nfree == pool->hand->cells)
        return false;
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        const struct hand_lane *lane = &pool->hand->lane[i];
        if (__atomic_load_n(&lane->bell, __ATOMIC_RELAXED) == 0 &&
            __atomic_load_n(&lane->cpu, __ATOMIC_RELAXED) != cpu)
            return true;
    }
    return false;
}

static bool spin_for_news(const struct mproc_pool *pool)
{
    if (!runs_elsewhere(pool))
        return false;
    for (int spins = 0, pause = 4; spins < SPINS; spins += pause) {
        if (has_done(pool))
            return true;
        pause = pause < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
        for (int i = 0; i < pause; i++)
            mproc_pause();
    }
    return false;
}

/* Sleeps until a worker has done something, a process has ended, or something is due. */
static int sleep_for_news(struct mproc_pool *pool, uint64_t deadline_ns)
{
    const struct mproc_wait_word words[] = {{&pool->hand->shared->bell, 1},
                                            {&pool->context->slots->ends, pool->ends_seen}};
    uint64_t until_ns = pool->next_due_ns < pool->next_look_ns ? pool->next_due_ns : pool->next_look_ns;

    if (until_ns > deadline_ns)
        until_ns = deadline_ns;
    /* Either a worker sees this before it goes on, or what it has done is seen here. */
    __atomic_store_n(&pool->hand->shared->bell, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (has_done(pool))
        return 0;
    mproc_pool_unlock(pool);
    int r = mproc_wait(words, 2, until_ns);
    pthread_mutex_lock(&pool->lock);
    return r == -ETIMEDOUT && until_ns < deadline_ns ? 0 : r;
}

int mproc_pool_await(struct mproc_pool *pool, bool (*is_over)(void *arg), void *arg, uint64_t deadline_ns)
{
    int r = 0;

    for (;;) {
        mproc_pool_pump(pool);
        mproc_pool_call_back(pool);
        if (is_over(arg))
            return 0;
        if (r)
            return r;
        if (deadline_ns == MPROC_NOW || !pool->hand)
            return -EAGAIN;
        if (!spin_for_news(pool))
            r = sleep_for_news(pool, deadline_ns);
    }
}
