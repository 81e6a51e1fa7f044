/*
 * Jobs whose arguments go through the channel of one worker, because they have descriptors or are large: the
 * cell is bound to that worker. Should it be at another task, or stopped, while somebody else has nothing to
 * do, the cell is taken back and bound to that one; the first finds a letter for a cell that is not its own
 * any more, and drops it.
 */
#include <errno.h>
#include <signal.h>

#include <mproc/deadline.h>

#include "letter.h"
#include "pool_internal.h"

/* How long until arguments are sent again to whom the system did not let them through. */
static const uint64_t again_ms = 10;

enum { NOBODY = MPROC_HAND_LANES_MAX };

static bool is_bound(const struct mproc_pool *pool, uint32_t lane)
{
    return __atomic_load_n(&pool->hand->lane[lane].bound, __ATOMIC_ACQUIRE) != 0;
}

static bool can_be_bound(const struct mproc_pool *pool, uint32_t lane)
{
    const struct pool_worker *worker = &pool->workers[lane];

    return worker->process && !worker->kill_at_ns && !is_bound(pool, lane);
}

bool mproc_pool_can_bind(const struct mproc_pool *pool)
{
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        if (can_be_bound(pool, i))
            return true;
    }
    return false;
}

/* Who is at a task. */
static void find_busy(const struct mproc_pool *pool, bool *ret_busy)
{
    for (uint32_t i = 0; i < pool->nworkers; i++)
        ret_busy[i] = false;
    for (uint32_t i = 0; i < pool->hand->cells; i++) {
        uint64_t word = mproc_hand_word(pool->hand, i);
        if (pool->in_cell[i] && hand_phase(word) == HAND_TAKEN && hand_lane(word) < pool->nworkers)
            ret_busy[hand_lane(word)] = true;
    }
}

/* A worker that has nothing to do, best one that sleeps; NOBODY: all have. */
static uint32_t find_idle(const struct mproc_pool *pool, const bool *busy)
{
    uint32_t found = NOBODY;

    for (uint32_t i = 0; i < pool->nworkers; i++) {
        if (!can_be_bound(pool, i))
            continue;
        if (__atomic_load_n(&pool->hand->lane[i].bell, __ATOMIC_RELAXED))
            return i;
        if (!busy[i])
            found = i;
    }
    return found;
}

/* The best there is: to one that is busy, for when it has done its task. */
static uint32_t choose_lane(const struct mproc_pool *pool)
{
    bool busy[MPROC_HAND_LANES_MAX];

    find_busy(pool, busy);
    uint32_t found = find_idle(pool, busy);
    for (uint32_t i = 0; i < pool->nworkers && found == NOBODY; i++) {
        if (can_be_bound(pool, i))
            found = i;
    }
    return found;
}

/* The system did not let the arguments out. It may in a moment, but one does not wait for that for ever. */
static void note_refusal(struct pool_job *job, int err)
{
    uint64_t now_ns = err ? mproc_clock_ns() : 0;

    job->refusal = err;
    if (!err || job->refused_ns == 0)
        job->refused_ns = now_ns;
    if (err)
        mproc_pool_due(job->pool, now_ns + again_ms * 1000000);
}

bool mproc_job_bind(struct mproc_pool *pool, struct pool_job *job)
{
    uint32_t lane = choose_lane(pool);

    if (lane == NOBODY)
        return false;
    struct hand_cell *cell = &pool->hand->cell[job->cell];
    uint32_t generation = hand_generation(mproc_hand_word(pool->hand, job->cell)) + 1;
    int r = mproc_letter_send(pool->workers[lane].channel, job->cell, generation, job->args, job->args_len,
                              job->fds, job->nfds);
    bool is_gone = r == -EPIPE || r == -ECONNRESET;
    if (is_gone) /* whom nothing can be sent is of no use, should it be there still */
        mproc_process_signal(pool->workers[lane].process, SIGKILL);
    note_refusal(job, is_gone || r == -EAGAIN ? 0 : r);
    if (r)
        return false;
    cell->parcel = 1;
    if (!mproc_hand_offer_to(pool->hand, job->cell, lane))
        return false;
    mproc_job_note_in_cell(pool, job);
    mproc_hand_wake_lane(pool->hand, lane);
    return true;
}

/* The job that is bound to a lane and has not begun; NULL: none. */
static struct pool_job *bound_job(const struct mproc_pool *pool, uint32_t lane)
{
    uint32_t cell = __atomic_load_n(&pool->hand->lane[lane].bound, __ATOMIC_ACQUIRE) - 1;
    struct pool_job *job = cell < pool->hand->cells ? pool->in_cell[cell] : NULL;
    uint64_t word = job ? mproc_hand_word(pool->hand, cell) : 0;

    return job && job->state == JOB_IN_CELL && hand_phase(word) == HAND_BOUND && hand_lane(word) == lane
               ? job
               : NULL;
}

void mproc_pool_rebind(struct mproc_pool *pool, bool is_time)
{
    bool busy[MPROC_HAND_LANES_MAX];

    if (pool->letters == 0)
        return;
    find_busy(pool, busy);
    for (uint32_t i = 0; i < pool->nworkers && find_idle(pool, busy) != NOBODY; i++) {
        struct pool_job *job = busy[i] || is_time ? bound_job(pool, i) : NULL;
        if (!job || !mproc_hand_revoke(pool->hand, job->cell))
            continue;
        mproc_job_note_out_of_cell(pool, job);
        mproc_job_offer(pool, job);
    }
}
