/*
 * The queue against its peers: what the kernel has, Boost.Interprocess, ZeroMQ, and Python's
 * multiprocessing.Queue. A peer that is not installed is said to be missing.
 *
 * All have the same bytes of capacity and do the same work, one after the other in every round, so that what
 * the machine does at the time meets all of them. Figures are medians; the ratio is ours to the peer's, where
 * more is better throughout.
 *
 * usage: lib_bench_queue [JOB [PEER]]    (all; or those whose names have these words in them)
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "carrier.h"
#include "python.h"

enum { ROUNDS = 5, LARGEST = 65536, PEOPLE_MAX = 16 };

static const double run_seconds = 0.07;

/* Ours is the first one. */
static const struct carrier *const carriers[] = {&carrier_mproc, &carrier_pipe, &carrier_seqpacket,
                                                 &carrier_mq,    &carrier_sysv, &carrier_boost,
                                                 &carrier_zeromq};

enum { CARRIERS = sizeof(carriers) / sizeof(carriers[0]), PYTHON = CARRIERS, PEERS };

static const struct job {
    const char *name;
    struct shape shape;
    bool round_trip; /* every consumer waits for what the one producer puts, and answers */
} jobs[] = {
    {"64 B, 1 to 1", {64, 65536, 1, 1}, false},
    {"64 B, 4 to 1", {64, 65536, 4, 1}, false},
    {"64 B, 4 to 4", {64, 65536, 4, 4}, false},
    {"64 KiB, 1 to 1", {65536, 1 << 20, 1, 1}, false},
    {"64 KiB, 4 to 1", {65536, 1 << 20, 4, 1}, false},
    {"64 KiB, 4 to 4", {65536, 1 << 20, 4, 4}, false},
    {"64 B, round trip", {64, 65536, 1, 1}, true},
    {"64 B, round trip of 8 who wait", {64, 65536, 1, 8}, true},
};

static void place(enum placement placement, unsigned which)
{
    cpu_set_t cpus;

    if (placement == UNPINNED)
        return;
    CPU_ZERO(&cpus);
    CPU_SET(placement == ONE_CPU ? 0 : which, &cpus);
    require(sched_setaffinity(0, sizeof(cpus), &cpus) == 0, "sched_setaffinity");
}

/* What all processes of one run know. */
struct run {
    const struct carrier *carrier;
    const struct job *job;
    enum placement placement;
    long count; /* of messages, or of round trips: a multiple of everybody's number */
    void *there, *back;
    int ready, start; /* everybody writes a byte to the one, and waits for the end of the other */
};

static void join(const struct run *run, void *queue, bool produces, int which)
{
    if (run->carrier->join)
        run->carrier->join(queue, produces, which);
}

static void await_start(const struct run *run)
{
    char byte = 0;

    require(write(run->ready, &byte, 1) == 1, "write");
    require(read(run->start, &byte, 1) == 0, "read");
}

static _Noreturn void produce(const struct run *run, int which)
{
    static char data[LARGEST];
    const struct shape *shape = &run->job->shape;

    place(run->placement, 1);
    memset(data, 1, sizeof(data));
    join(run, run->there, true, which);
    if (run->job->round_trip)
        join(run, run->back, false, 0);
    await_start(run);
    for (long i = 0; i < run->count / shape->producers; i++) {
        run->carrier->put(run->there, data, shape->size);
        if (run->job->round_trip)
            run->carrier->get(run->back, data, shape->size);
    }
    if (!run->job->round_trip)
        pause(); /* what was put may still be on its way through this process */
    _exit(0);
}

static _Noreturn void consume(const struct run *run, int which)
{
    static char data[LARGEST];
    const struct shape *shape = &run->job->shape;

    place(run->placement, 0);
    join(run, run->there, false, which);
    if (run->job->round_trip)
        join(run, run->back, true, which);
    await_start(run);
    for (long i = 0; run->job->round_trip || i < run->count / shape->consumers; i++) {
        run->carrier->get(run->there, data, shape->size);
        if (run->job->round_trip)
            run->carrier->put(run->back, data, shape->size);
    }
    _exit(0);
}

static void reap(pid_t pid, int expected)
{
    int status;

    require(waitpid(pid, &status, 0) == pid && status == expected, "a process of the benchmark failed");
}

/* Seconds from the start until all is done: by the consumers, or by the one who asks for answers. The others
 * go on until they are killed. */
static double carry_out(struct run *run)
{
    const struct shape *shape = &run->job->shape;
    pid_t people[PEOPLE_MAX];
    int ready[2], start[2], total = shape->producers + shape->consumers;
    char bytes[PEOPLE_MAX];

    require(pipe(ready) == 0 && pipe(start) == 0, "pipe");
    for (int i = 0; i < total; i++) {
        people[i] = fork();
        require(people[i] >= 0, "fork");
        if (people[i] > 0)
            continue;
        close(start[1]);
        run->ready = ready[1];
        run->start = start[0];
        if (i < shape->consumers)
            consume(run, i);
        produce(run, i - shape->consumers);
    }
    for (int got = 0; got < total;) {
        ssize_t more = read(ready[0], bytes, sizeof(bytes));
        require(more > 0, "read");
        got += (int)more;
    }
    uint64_t start_ns = mproc_clock_ns();
    close(start[1]);
    int first = run->job->round_trip ? shape->consumers : 0,
        end = run->job->round_trip ? total : shape->consumers;
    for (int i = first; i < end; i++)
        reap(people[i], 0);
    double seconds = (double)(mproc_clock_ns() - start_ns) / 1e9;
    for (int i = 0; i < total; i++)
        if (i < first || i >= end) {
            kill(people[i], SIGKILL);
            reap(people[i], SIGKILL);
        }
    close(ready[0]);
    close(ready[1]);
    close(start[0]);
    return seconds;
}

/* Operations per second; 0 when there is no such carrier here. */
static double rate(const struct carrier *carrier, const struct job *job, long count, enum placement placement)
{
    struct run run = {.carrier = carrier, .job = job, .placement = placement, .count = count};

    if (carrier->carries && !carrier->carries(&job->shape))
        return 0;
    run.there = carrier->open(&job->shape);
    if (!run.there)
        return 0;
    run.back = carrier->open(&job->shape);
    require(run.back != NULL, carrier->name);
    double seconds = carry_out(&run);
    carrier->close(run.there);
    carrier->close(run.back);
    return (double)count / seconds;
}

static double rate_of(int peer, const struct job *job, long count, enum placement placement)
{
    if (peer == PYTHON)
        return python_rate(&job->shape, job->round_trip, count, placement);
    return rate(carriers[peer], job, count, placement);
}

static const char *name_of(int peer)
{
    return peer == PYTHON ? "Python" : carriers[peer]->name;
}

/* How many operations take about run_seconds, the start of the processes being a small part of them. */
static long calibrate(int peer, const struct job *job, enum placement placement)
{
    enum { FIRST = 512 };

    for (long count = FIRST;; count *= 4) {
        double found = rate_of(peer, job, count, placement);
        if (found == 0 || (double)count / found > run_seconds / 3)
            return ((long)(found * run_seconds) / 8 + 1) * 8;
    }
}

static bool is_wanted(const char *name, const char *word)
{
    return !word || strstr(name, word);
}

/* With those peers whose names have the word in them. */
static void compare_peers(const struct job *job, enum placement placement, const char *word)
{
    static const char *const placement_names[PLACEMENTS] = {"unpinned", "one CPU", "two CPUs"};
    double figures[PEERS][ROUNDS];
    long counts[PEERS];

    for (int i = 0; i < PEERS; i++)
        counts[i] = i == 0 || is_wanted(name_of(i), word) ? calibrate(i, job, placement) : 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < PEERS; i++)
            figures[i][round] = counts[i] > 0 ? rate_of(i, job, counts[i], placement) : 0;
    double ours = median(figures[0], ROUNDS);
    for (int i = 1; i < PEERS; i++) {
        double theirs = median(figures[i], ROUNDS);
        if (theirs > 0)
            printf("%-31s %-9s %-9s %12.0f %12.0f %8.2f\n", job->name, placement_names[placement], name_of(i),
                   ours, theirs, ours / theirs);
    }
    fflush(stdout);
}

static void say_who_is_missing(void)
{
    for (int i = 0; i < PEERS; i++)
        if (rate_of(i, &jobs[0], 8, UNPINNED) == 0)
            printf("not here: %s\n", name_of(i));
}

int main(int argc, char **argv)
{
    int placements = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? PLACEMENTS : TWO_CPUS;
    const char *job = argc > 1 ? argv[1] : NULL;
    const char *peer = argc > 2 ? argv[2] : NULL;

    printf("%-31s %-9s %-9s %12s %12s %8s   (operations per second, medians of %d)\n", "what", "where",
           "peer", "ours", "peer's", "ratio", ROUNDS);
    say_who_is_missing();
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        for (int placement = 0; is_wanted(jobs[i].name, job) && placement < placements; placement++)
            compare_peers(&jobs[i], (enum placement)placement, peer);
    return 0;
}
