/*
 * Workers are killed at random instants under load. A ledger in shared memory must balance: every task has
 * exactly one result; one that is done has run once; one whose worker died has not run to its end unseen and
 * was begun as often as its policy allows at most; and all of it comes to an end.
 */
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include <mproc/pool.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "child.h"
#include "storm.h"

enum { KILLS = 500, TASKS_MAX = 1 << 22, WORKERS = 3, HANG_MS = 20000, RETRIES = 2 };

struct ledger {
    uint32_t kills, wanted;
    uint8_t begun[TASKS_MAX];
    uint8_t ended[TASKS_MAX];
    uint8_t results[TASKS_MAX];
};

static struct ledger *ledger;

static int work(struct mproc_args *args)
{
    uint64_t number;

    if (mproc_args_get_uint(args, 0, &number))
        return -EINVAL;
    __atomic_fetch_add(&ledger->begun[number], 1, __ATOMIC_RELAXED);
    for (volatile int i = 0; i < 2000; i = i + 1)
        ;
    mproc_args_add_uint(mproc_task_result(), number * 3);
    __atomic_fetch_add(&ledger->ended[number], 1, __ATOMIC_RELAXED);
    return 0;
}

static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};

static int feed(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    if (index == TASKS_MAX || __atomic_load_n(&ledger->kills, __ATOMIC_RELAXED) >= ledger->wanted)
        return MPROC_FEED_END;
    return mproc_args_add_uint(args, index);
}

/* At moments that have nothing to do with what the workers do. */
static int kill_workers(void *arg)
{
    struct mproc_pool *pool = arg;
    struct mproc_worker_stat stat;
    unsigned seed = 1;

    while (mproc_stop_level(NULL) == MPROC_RUNNING && ledger->kills < ledger->wanted) {
        nanosleep(&(struct timespec){.tv_nsec = rand_r(&seed) % 1500000}, NULL);
        if (mproc_pool_get_worker(pool, (unsigned)rand_r(&seed) % WORKERS, &stat) || stat.pid == 0)
            continue;
        if (kill(stat.pid, SIGKILL) == 0)
            __atomic_fetch_add(&ledger->kills, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

struct counts {
    uint64_t done, died;
};

static void judge(void *user, const struct mproc_result *result)
{
    struct counts *counts = user;
    uint64_t value = 0;

    ledger->results[result->index]++;
    if (result->outcome == MPROC_OUTCOME_DONE) {
        counts->done++;
        CHECK(mproc_args_get_uint(result->values, 0, &value) == 0 && value == result->index * 3);
    } else {
        counts->died++;
        CHECK(result->outcome == MPROC_OUTCOME_DIED && result->status.signal == SIGKILL);
    }
}

static void judge_ledger(uint64_t tasks, unsigned retries)
{
    for (uint64_t i = 0; i < TASKS_MAX; i++) {
        if (!CHECK(ledger->results[i] == (i < tasks)) || !CHECK(ledger->begun[i] <= 1 + retries) ||
            !CHECK(ledger->ended[i] <= ledger->begun[i]))
            return;
    }
}

static void storm(const struct mproc_map_options *options)
{
    struct mproc_context *context;
    struct mproc_thread *killer;
    struct mproc_pool *pool;
    struct counts counts = {0};
    struct mproc_pool_stat stat;

    ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(ledger != MAP_FAILED);
    ledger->wanted = storm_kills(KILLS);
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = WORKERS}, &pool) == 0);
    REQUIRE(mproc_thread_start("killer", kill_workers, pool, NULL, &killer) == 0);
    int r = mproc_pool_map(pool, "work", feed, NULL, options, judge, &counts, mproc_deadline_ms(600000));
    CHECK(r == 0 || r == -ECHILD);
    mproc_thread_ask(killer);
    CHECK(mproc_thread_join(killer, mproc_deadline_ms(HANG_MS), NULL) == 0);
    mproc_thread_free(killer);
    CHECK(ledger->kills >= ledger->wanted);
    judge_ledger(counts.done + counts.died, options->retries);
    CHECK(mproc_pool_get_stat(pool, &stat) == 0 && stat.pending == 0 && stat.running == 0);
    CHECK(options->retries > 0 ? stat.retries > 0 : counts.died > 0);
    CHECK(mproc_pool_close(pool) == 0 && mproc_pool_join(pool, mproc_deadline_ms(HANG_MS)) == 0);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    munmap(ledger, sizeof(*ledger));
}

TestSuite(pool_storm, .timeout = STORM_TIMEOUT_S);

CHILD_TEST(pool_storm, one_by_one)
{
    storm(&(struct mproc_map_options){.chunk = 1});
}

CHILD_TEST(pool_storm, in_chunks_with_retries)
{
    storm(&(struct mproc_map_options){.chunk = 8, .retries = RETRIES, .unordered = true});
}
