/*
 * Pools against those of Python: tasks one by one, with many on their way and with one; many small tasks; and
 * tasks that need a processor, against the same work done serially.
 *
 * The peers run as a Python program that prints its figures; a peer that is not installed is skipped,
 * visibly. Figures are medians of rounds in which everybody takes its turn.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/pool.h>

#include "measure/measure.h"

enum { ROUNDS = FIGURE_ROUNDS, CORES = 2 };

static const char peers[] =
    "import time, sys, multiprocessing as m, concurrent.futures as f\n"
    "def nothing(n): return n\n"
    "def rate(name, count, run):\n"
    "    run(max(1, count // 10)); t = time.perf_counter(); run(count)\n"
    "    print(name, count / (time.perf_counter() - t))\n"
    "with m.Pool(1) as p:\n"
    "    rate('Pool.imap', 30000, lambda c: sum(1 for _ in p.imap(nothing, range(c))))\n"
    "    rate('Pool.apply', 3000, lambda c: [p.apply(nothing, (i,)) for i in range(c)])\n"
    "with f.ProcessPoolExecutor(1) as e:\n"
    "    rate('ProcessPoolExecutor.map', 5000, lambda c: sum(1 for _ in e.map(nothing, range(c))))\n"
    "try:\n"
    "    import joblib\n"
    "    with joblib.Parallel(n_jobs=2) as j:\n"
    "        rate('joblib', 3000, lambda c: j(joblib.delayed(nothing)(i) for i in range(c)))\n"
    "except ImportError:\n"
    "    print('joblib 0')\n";

static int nothing(struct mproc_args *args)
{
    int64_t number;
    int r = mproc_args_get_int(args, 0, &number);

    return r ? r : mproc_args_add_int(mproc_task_result(), number);
}

static uint64_t burn(uint64_t rounds)
{
    uint64_t sum = rounds;

    for (uint64_t i = 0; i < rounds; i++)
        sum = sum * 6364136223846793005u + (sum >> 33);
    return sum;
}

static int compute(struct mproc_args *args)
{
    uint64_t rounds;
    int r = mproc_args_get_uint(args, 0, &rounds);

    return r ? r : mproc_args_add_uint(mproc_task_result(), burn(rounds));
}

static const struct mproc_entry entries[] = {{"nothing", nothing}, {"compute", compute}, {NULL, NULL}};

static int feed_index(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    return mproc_args_add_uint(args, index);
}

static int feed_rounds(void *user, uint64_t index, struct mproc_args *args)
{
    (void)index;
    return mproc_args_add_uint(args, *(const uint64_t *)user);
}

static double seconds(void)
{
    return (double)mproc_clock_ns() / 1e9;
}

/* Tasks per second. */
static double map_rate(struct mproc_pool *pool, uint64_t count, unsigned chunk, unsigned window)
{
    const struct mproc_map_options options = {.count = count, .chunk = chunk, .window = window};
    double begun = seconds();

    require(mproc_pool_map(pool, "nothing", feed_index, NULL, &options, NULL, NULL, MPROC_FOREVER) == 0,
            "map");
    return (double)count / (seconds() - begun);
}

static double apply_rate(struct mproc_pool *pool, uint64_t count)
{
    struct mproc_args *args;
    double begun = seconds();

    require(mproc_args_new(&args) == 0, "args");
    mproc_args_add_int(args, 1);
    for (uint64_t i = 0; i < count; i++) {
        struct mproc_args *values;
        require(mproc_pool_apply(pool, "nothing", args, NULL, MPROC_FOREVER, &values) == 0, "apply");
        mproc_args_free(values);
    }
    mproc_args_free(args);
    return (double)count / (seconds() - begun);
}

static double serial_seconds(uint64_t count, uint64_t rounds)
{
    volatile uint64_t sink = 0;
    double begun = seconds();

    for (uint64_t i = 0; i < count; i++)
        sink = sink + burn(rounds + (i & 1));
    return seconds() - begun;
}

/* The same by plain forks that each do their half: what the machine gives at best. */
static double forked_seconds(uint64_t count, uint64_t rounds)
{
    double begun = seconds();

    for (int i = 0; i < CORES; i++) {
        if (fork() == 0) {
            serial_seconds(count / CORES, rounds);
            _exit(0);
        }
    }
    for (int i = 0; i < CORES; i++)
        wait(NULL);
    return seconds() - begun;
}

static double pool_seconds(struct mproc_pool *pool, uint64_t count, uint64_t rounds)
{
    double begun = seconds();

    require(mproc_pool_map(pool, "compute", feed_rounds, &rounds, &(struct mproc_map_options){.count = count},
                           NULL, NULL, MPROC_FOREVER) == 0,
            "map");
    return seconds() - begun;
}

static double busy_seconds(struct mproc_pool *pool)
{
    struct rusage own;
    double sum;

    getrusage(RUSAGE_SELF, &own);
    sum = (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
          (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
    for (unsigned i = 0; i < CORES; i++) {
        struct mproc_worker_stat stat;
        char path[64];
        unsigned long long ns = 0;
        require(mproc_pool_get_worker(pool, i, &stat) == 0, "stat");
        snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)stat.pid);
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%llu", &ns) == 1)
            sum += (double)ns / 1e9;
        if (file)
            fclose(file);
    }
    return sum;
}

static void print(const char *what, double ours, const char *peer, double theirs)
{
    if (theirs > 0)
        printf("%-34s%12.0f/s  %-26s%12.0f/s%8.1f\n", what, ours, peer, theirs, ours / theirs);
    else
        printf("%-34s%12.0f/s  %-26s     skipped: not installed\n", what, ours, peer);
}

enum { IMAP, APPLY, EXECUTOR, JOBLIB, PEERS };

static void bench_small(struct mproc_context *context)
{
    struct figure figures[PEERS] = {
        {"Pool.imap", {0}}, {"Pool.apply", {0}}, {"ProcessPoolExecutor.map", {0}}, {"joblib", {0}}};
    double window[ROUNDS], single[ROUNDS], apply[ROUNDS], chunked[ROUNDS], many[ROUNDS], theirs[PEERS];
    struct mproc_pool *pool, *two;

    require(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 1}, &pool) == 0, "pool");
    require(mproc_pool_create(context, &(struct mproc_pool_options){.workers = CORES}, &two) == 0, "pool");
    for (int i = 0; i < ROUNDS; i++) {
        python_figures(peers, i, figures, PEERS);
        window[i] = map_rate(pool, 500000, 1, 64);
        many[i] = map_rate(two, 500000, 1, 64);
        single[i] = map_rate(pool, 50000, 1, 1);
        apply[i] = apply_rate(pool, 50000);
        chunked[i] = map_rate(pool, 2000000, 0, 0);
    }
    for (int i = 0; i < PEERS; i++)
        theirs[i] = median(figures[i].rounds, ROUNDS);
    double ours = median(window, ROUNDS);
    print("one by one, window 64, 1 worker", ours, "Pool.imap", theirs[IMAP]);
    print("one by one, window 64, 1 worker", ours, "ProcessPoolExecutor.map", theirs[EXECUTOR]);
    print("one by one, window 64, 1 worker", ours, "joblib", theirs[JOBLIB]);
    print("one by one, window 64, 2 workers", median(many, ROUNDS), "Pool.imap", theirs[IMAP]);
    print("one by one, window 1", median(single, ROUNDS), "Pool.apply", theirs[APPLY]);
    print("apply", median(apply, ROUNDS), "Pool.apply", theirs[APPLY]);
    print("in chunks (adaptive)", median(chunked, ROUNDS), "Pool.imap", theirs[IMAP]);
    mproc_pool_free(two);
    mproc_pool_free(pool);
}

static void bench_cpu(struct mproc_context *context)
{
    double speedup[ROUNDS], from_ideal[ROUNDS], overhead[ROUNDS];
    struct mproc_pool *pool;

    require(mproc_pool_create(context, &(struct mproc_pool_options){.workers = CORES}, &pool) == 0, "pool");
    pool_seconds(pool, 100, 1000);
    for (int i = 0; i < ROUNDS; i++) {
        double ours = pool_seconds(pool, 400, 1000000);
        speedup[i] = serial_seconds(400, 1000000) / ours;
        from_ideal[i] = ours / forked_seconds(400, 1000000);
    }
    printf(
        "CPU-bound map on %d workers: %.3f times serial, %.3f times the time of plain forks of half each\n",
        CORES, median(speedup, ROUNDS), median(from_ideal, ROUNDS));
    for (uint64_t rounds = 1000; rounds <= 10000; rounds *= 10) {
        uint64_t count = 300000000 / rounds;
        double serial = 0;
        for (int i = 0; i < ROUNDS; i++) {
            serial = serial_seconds(count, rounds);
            double before = busy_seconds(pool);
            pool_seconds(pool, count, rounds);
            overhead[i] = (busy_seconds(pool) - before) / serial;
        }
        printf("needless: tasks of %.1f us: %.2f times the processor time of doing them serially\n",
               serial / (double)count * 1e6, median(overhead, ROUNDS));
    }
    mproc_pool_free(pool);
}

int main(void)
{
    struct mproc_context *context;

    require(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0,
            "context");
    printf("%-34s%14s  %-26s%14s%8s\n", "", "mproc", "peer", "", "ratio");
    bench_small(context);
    bench_cpu(context);
    require(mproc_context_close(context, mproc_deadline_ms(1000)) == 0, "close");
    return 0;
}
