#include <errno.h>
#include <stdlib.h>

#include <mproc/stop.h>

#include "error_internal.h"
#include "pool_internal.h"
#include "stop_internal.h"

/* For a process to end that was killed. */
static const uint64_t kill_ms = 1000;

int mproc_pool_close(struct mproc_pool *pool)
{
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    if (pool->state == POOL_OPEN)
        pool->state = POOL_CLOSED;
    mproc_pool_unlock(pool);
    return 0;
}

static bool is_finished(void *arg)
{
    return ((const struct mproc_pool *)arg)->unfinished == 0;
}

static bool is_deserted(void *arg)
{
    const struct mproc_pool *pool = arg;

    return pool->alive == 0 && pool->unfinished == 0;
}

/* Who finds nothing more to do ends. */
static void dismiss(struct mproc_pool *pool)
{
    __atomic_store_n(&pool->hand->shared->closing, 1, __ATOMIC_RELEASE);
    mproc_hand_wake(pool->hand, pool->nworkers);
}

static int join(struct mproc_pool *pool, uint64_t deadline_ns)
{
    if (pool->state == POOL_ENDED)
        return 0;
    if (pool->state == POOL_OPEN)
        return mproc_fail(
            -EINVAL, "the pool '%s' is open, so more tasks may come: close it before joining it", pool->name);
    int r = mproc_pool_await(pool, is_finished, pool, deadline_ns);
    if (r == 0) {
        dismiss(pool);
        r = mproc_pool_await(pool, is_deserted, pool, deadline_ns);
    }
    if (r == 0)
        pool->state = POOL_ENDED;
    else if (r == -ECANCELED)
        mproc_fail(r, "stopped while joining the pool '%s'", pool->name);
    else
        mproc_fail(r, "%llu tasks of the pool '%s' have not finished, and %u workers have not ended",
                   (unsigned long long)pool->unfinished, pool->name, pool->alive);
    return r;
}

int mproc_pool_join(struct mproc_pool *pool, uint64_t deadline_ns)
{
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    r = join(pool, deadline_ns);
    mproc_pool_unlock(pool);
    return r;
}

static bool any_lives(const struct mproc_pool *pool)
{
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        const struct mproc_process *process = pool->workers[i].process;
        if (process && !mproc_process_is_dead(process))
            return true;
    }
    return false;
}

static int terminate(struct mproc_pool *pool, uint64_t deadline_ns)
{
    uint64_t now_ns = mproc_clock_ns();
    uint64_t kill_at_ns = deadline_ns > now_ns ? deadline_ns : now_ns;
    uint64_t until_ns =
        kill_at_ns < MPROC_FOREVER - kill_ms * 1000000 ? kill_at_ns + kill_ms * 1000000 : MPROC_FOREVER;

    if (pool->state == POOL_ENDED)
        return 0;
    pool->state = POOL_ENDING;
    mproc_pool_fail_all(pool, MPROC_OUTCOME_CANCELLED);
    dismiss(pool);
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        struct pool_worker *worker = &pool->workers[i];
        mproc_pool_stop_worker(pool, i);
        if (worker->process && worker->kill_at_ns != MPROC_FOREVER)
            worker->kill_at_ns = kill_at_ns;
    }
    mproc_pool_due(pool, kill_at_ns);
    int r = mproc_pool_await(pool, is_deserted, pool, until_ns);
    pool->state = POOL_ENDED;
    if (r == 0)
        return 0;
    if (any_lives(pool))
        r = mproc_fail(
            -ETIMEDOUT,
            "%u workers of the pool '%s' have not ended after SIGKILL: they hang inside the kernel",
            pool->alive, pool->name);
    else
        r = mproc_fail(-ETIMEDOUT,
                       "%u workers of the pool '%s' have ended, but their guard does not tell how: is it "
                       "stopped?",
                       pool->alive, pool->name);
    for (uint32_t i = 0; i < pool->hand->cells; i++) {
        if (pool->in_cell[i])
            mproc_job_give_up(pool, pool->in_cell[i], MPROC_OUTCOME_CANCELLED);
    }
    mproc_pool_call_back(pool);
    return r;
}

int mproc_pool_terminate(struct mproc_pool *pool, uint64_t deadline_ns)
{
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    r = terminate(pool, deadline_ns);
    mproc_stop_enter(before);
    mproc_pool_unlock(pool);
    return r;
}

void mproc_pool_free(struct mproc_pool *pool)
{
    if (!pool || mproc_handle_check(pool, "pool") || mproc_context_check_owner(pool->context))
        return;
    mproc_pool_terminate(pool, mproc_deadline_ms(pool->grace_ms));
    pthread_mutex_lock(&pool->lock);
    if (pool->feeds == 0) { /* else it goes with the last map */
        mproc_hand_free(pool->hand);
        pool->hand = NULL;
    }
    mproc_pool_unlock(pool);
    if (mproc_handle_unref(pool))
        mproc_pool_unref(pool);
}

static bool has_progressed(void *arg)
{
    const struct mproc_pool *pool = ((void **)arg)[0];
    const uint64_t *before = ((void **)arg)[1];

    return pool->finished != *before || pool->unfinished == 0;
}

int mproc_pool_collect(struct mproc_pool *pool, uint64_t deadline_ns)
{
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    uint64_t before = pool->finished;
    r = mproc_pool_await(pool, has_progressed, (void *[]){pool, &before}, deadline_ns);
    if (r == 0 && pool->finished == before)
        r = -ENODATA;
    mproc_pool_unlock(pool);
    if (r == -ENODATA)
        return mproc_fail(r, "no task is unfinished");
    return r ? mproc_fail(r, "no task has finished meanwhile") : 0;
}
