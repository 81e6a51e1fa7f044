#include <errno.h>

#include "error_internal.h"
#include "pool_internal.h"

/* The task that the worker of a lane is at; NULL: none, or it moves on just now. */
static const struct pool_job *find_running(const struct mproc_pool *pool, uint32_t lane)
{
    for (uint32_t i = 0; pool->hand && i < pool->hand->cells; i++) {
        uint64_t word = mproc_hand_word(pool->hand, i);
        bool is_running = hand_phase(word) == HAND_TAKEN || hand_phase(word) == HAND_CONDEMNED;
        if (pool->in_cell[i] && is_running && hand_lane(word) == lane)
            return pool->in_cell[i];
    }
    return NULL;
}

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static enum mproc_worker_state state_of(const struct pool_worker *worker, const struct hand_lane *lane,
                                        const struct pool_job *running)
{
    uint32_t stage = __atomic_load_n(&lane->stage, __ATOMIC_ACQUIRE);

    if (worker->kill_at_ns || stage == HAND_RETIRING)
        return MPROC_WORKER_ENDING;
    if (stage == HAND_STARTING)
        return MPROC_WORKER_STARTING;
    return running ? MPROC_WORKER_BUSY : MPROC_WORKER_IDLE;
}

static void fill(const struct mproc_pool *pool, uint32_t index, struct mproc_worker_stat *stat)
{
    const struct pool_worker *worker = &pool->workers[index];
    const struct hand_lane *lane = &pool->hand->lane[index];
    const struct pool_job *running = find_running(pool, index);
    uint64_t since_ns = load(&lane->since_ns);
    uint64_t now_ns = mproc_clock_ns();

    stat->state = state_of(worker, lane, running);
    stat->pid = mproc_process_pid(worker->process);
    stat->tasks += load(&lane->tasks);
    stat->busy_ns += load(&lane->busy_ns);
    stat->idle_ns += load(&lane->idle_ns);
    if (running)
        stat->entry = pool->context->entries[running->entry].name;
    bool is_measured = stat->state == MPROC_WORKER_BUSY || stat->state == MPROC_WORKER_IDLE;
    if (is_measured && since_ns && now_ns > since_ns)
        stat->since_ns = now_ns - since_ns;
}

int mproc_pool_get_worker(struct mproc_pool *pool, unsigned index, struct mproc_worker_stat *ret_stat)
{
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    if (index >= pool->nworkers) {
        mproc_pool_unlock(pool);
        return mproc_fail(-EINVAL, "there is no worker %u: the pool '%s' has %u", index, pool->name,
                          pool->nworkers);
    }
    mproc_pool_pump(pool);
    struct mproc_worker_stat stat = pool->workers[index].past;
    if (pool->hand && pool->workers[index].process)
        fill(pool, index, &stat);
    mproc_pool_call_back(pool);
    mproc_pool_unlock(pool);
    *ret_stat = stat;
    return 0;
}

int mproc_pool_get_stat(struct mproc_pool *pool, struct mproc_pool_stat *ret_stat)
{
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    mproc_pool_pump(pool);
    struct mproc_pool_stat stat = pool->stat;
    stat.workers = pool->alive;
    stat.closed = pool->state != POOL_OPEN;
    for (uint32_t i = 0; i < pool->nworkers && pool->hand; i++)
        stat.running += pool->workers[i].process && find_running(pool, i);
    stat.pending = pool->unfinished > stat.running ? pool->unfinished - stat.running : 0;
    mproc_pool_call_back(pool);
    mproc_pool_unlock(pool);
    *ret_stat = stat;
    return 0;
}
