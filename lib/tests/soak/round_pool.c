/*
 * Workers of a pool, and now and then the guard. Every task has exactly one result; one that is done has run
 * to its end; one whose worker died was begun as often as its policy allows at most.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/pool.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "soak.h"

enum { TASKS_MAX = 1 << 20, WORKERS_MAX = 4 };

struct ledger {
    uint8_t begun[TASKS_MAX];
    uint8_t ended[TASKS_MAX];
    uint8_t results[TASKS_MAX];
};

/* Of the process: the entry of a task has no other way to it. */
static struct ledger *ledger;

struct work {
    struct soak_round *round;
    struct soak_round disturber; /* of the other thread: its own random numbers and counts */
    struct mproc_context *context;
    struct mproc_pool *pool;
    unsigned workers;
    struct mproc_map_options options;
    uint64_t tasks;
};

static int work_task(struct mproc_args *args)
{
    uint64_t number;

    int r = mproc_args_get_uint(args, 0, &number);
    if (r)
        return r;
    __atomic_fetch_add(&ledger->begun[number], 1, __ATOMIC_RELAXED);
    for (volatile int i = 0; i < 1000; i = i + 1)
        ;
    r = mproc_args_add_uint(mproc_task_result(), number * 3);
    if (r == 0)
        __atomic_fetch_add(&ledger->ended[number], 1, __ATOMIC_RELAXED);
    return r;
}

static const struct mproc_entry entries[] = {{"work", work_task}, {NULL, NULL}};

static int feed(void *user, uint64_t index, struct mproc_args *args)
{
    const struct work *work = user;

    if (index == TASKS_MAX || mproc_clock_ns() >= work->round->end_ns)
        return MPROC_FEED_END;
    return mproc_args_add_uint(args, index);
}

static void kill_somebody(struct work *work, struct soak_victim *victim)
{
    struct mproc_context_info info;

    work->disturber.kills++;
    if (soak_random(&work->disturber, 50) == 0 && mproc_context_get_info(work->context, &info) == 0 &&
        info.guard_pid > 0)
        kill(info.guard_pid, SIGKILL);
    else
        pidfd_send_signal(victim->pidfd, SIGKILL, NULL, 0);
}

/* At moments that have nothing to do with what the workers do. */
static int disturb(void *arg)
{
    struct work *work = arg;
    struct soak_victim victims[WORKERS_MAX];
    struct mproc_worker_stat stat;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        victims[i].pidfd = -1;
    while (mproc_stop_level(NULL) == MPROC_RUNNING) {
        unsigned index = soak_random(&work->disturber, work->workers);
        struct soak_victim *victim = &victims[index];
        mproc_stop_sleep(mproc_clock_ns() + soak_random(&work->disturber, 3000) * UINT64_C(1000));
        for (unsigned i = 0; i < work->workers; i++) {
            if (victims[i].pidfd >= 0)
                soak_restore(&victims[i], false);
        }
        if (victim->pidfd >= 0 && victim->until_ns != 0)
            continue;
        if (victim->pidfd >= 0)
            soak_victim_close(victim);
        if (mproc_pool_get_worker(work->pool, index, &stat) || stat.pid == 0 ||
            stat.state == MPROC_WORKER_STARTING || !soak_victim_open(stat.pid, victim))
            continue;
        if (soak_random(&work->disturber, 2))
            kill_somebody(work, victim);
        else
            soak_disturb(&work->disturber, victim);
    }
    for (unsigned i = 0; i < work->workers; i++) {
        if (victims[i].pidfd < 0)
            continue;
        soak_restore(&victims[i], true);
        soak_victim_close(&victims[i]);
    }
    return 0;
}

static bool is_limit(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -EFBIG;
}

static void judge(void *user, const struct mproc_result *result)
{
    struct work *work = user;
    uint64_t value = 0;

    ledger->results[result->index]++;
    work->tasks++;
    switch (result->outcome) {
    case MPROC_OUTCOME_DONE:
        if (mproc_args_get_uint(result->values, 0, &value) || value != result->index * 3 ||
            ledger->ended[result->index] == 0)
            soak_fail(work->round, "task %llu has a wrong result", (unsigned long long)result->index);
        break;
    case MPROC_OUTCOME_FAILED:
        if (!is_limit(result->error))
            soak_fail(work->round, "task %llu failed: %s", (unsigned long long)result->index, result->detail);
        break;
    case MPROC_OUTCOME_DIED:
        break;
    default:
        soak_fail(work->round, "task %llu ended with outcome %d: %s", (unsigned long long)result->index,
                  (int)result->outcome, result->detail);
    }
}

static bool settle(struct soak_round *round, const struct work *work)
{
    for (uint64_t i = 0; i < TASKS_MAX; i++) {
        if (ledger->results[i] != (i < work->tasks))
            return soak_fail(round, "task %llu has %u results", (unsigned long long)i, ledger->results[i]);
        if (ledger->begun[i] > 1 + work->options.retries || ledger->ended[i] > ledger->begun[i])
            return soak_fail(round, "task %llu was begun %u times", (unsigned long long)i, ledger->begun[i]);
    }
    round->tasks += work->tasks;
    round->kills += work->disturber.kills;
    round->stops += work->disturber.stops;
    round->limits += work->disturber.limits;
    return true;
}

static bool rage(struct soak_round *round, struct work *work)
{
    struct mproc_thread *disturber;

    if (mproc_pool_create(work->context, &(struct mproc_pool_options){.workers = work->workers}, &work->pool))
        return soak_fail(round, "no pool: %s", mproc_error_detail());
    if (mproc_thread_start("disturber", disturb, work, NULL, &disturber))
        return soak_fail(round, "no thread: %s", mproc_error_detail());
    int r = mproc_pool_map(work->pool, "work", feed, work, &work->options, judge, work,
                           round->end_ns + SOAK_HANG_MS * UINT64_C(1000000));
    if (r != 0 && r != -ECHILD)
        soak_fail(round, "the map ended with %d: %s", r, mproc_error_detail());
    mproc_thread_ask(disturber);
    if (mproc_thread_join(disturber, mproc_deadline_ms(SOAK_HANG_MS), NULL))
        return soak_fail(round, "the disturber hangs: %s", mproc_error_detail());
    mproc_thread_free(disturber);
    if (!round->failure[0] &&
        (mproc_pool_close(work->pool) || mproc_pool_join(work->pool, mproc_deadline_ms(SOAK_HANG_MS))))
        soak_fail(round, "the pool does not end: %s", mproc_error_detail());
    return !round->failure[0];
}

bool soak_pool(struct soak_round *round)
{
    struct work work = {.round = round, .workers = 1 + soak_random(round, WORKERS_MAX)};

    work.options = (struct mproc_map_options){.chunk = soak_random(round, 3) * 4,
                                              .retries = soak_random(round, 3),
                                              .unordered = soak_random(round, 2)};
    work.disturber.random = round->random;
    ledger = soak_share(sizeof(*ledger));
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &work.context))
        return soak_fail(round, "no context: %s", mproc_error_detail());
    if (rage(round, &work))
        settle(round, &work);
    mproc_pool_free(work.pool);
    if (mproc_context_close(work.context, MPROC_NOW) && !round->failure[0])
        soak_fail(round, "the context does not end: %s", mproc_error_detail());
    munmap(ledger, sizeof(*ledger));
    return !round->failure[0];
}
