#include "supervise/looks.h"

#include <time.h>

enum {
    SHARE = 100,       /* looks may take one part in so many of a core's time */
    SPARE_SHARE = 200, /* and snapshots that no movement calls for, one in so many */
    CREDIT_SNAPSHOTS = 4,
};

static const uint64_t RUNNING_NS = 5 * 1000 * 1000;
static const uint64_t RUNNING_MOST_NS = 10 * 1000 * 1000; /* what a verdict may have to wait for */
static const uint64_t QUIET_NS = 20 * 1000 * 1000;
static const uint64_t QUIET_MOST_NS = 100 * 1000 * 1000;
/* Snapshots of a quiet tree may take this much more than their share, or as much as the dearest so far takes
 * a few times: a program that comes to rest often and goes on each time must not put off the look that
 * matters, nor may a large one that does so once. */
static const uint64_t CREDIT_NS = 200 * 1000 * 1000;

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

static uint64_t processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The time of which what was used since this was last asked is the share of the looks. */
static uint64_t affordable(struct pf_looks *looks)
{
    uint64_t now = processor_time();
    uint64_t used = now - looks->used_ns;
    looks->used_ns = now;
    return SHARE * used;
}

void pf_looks_moved(struct pf_looks *looks)
{
    looks->interval_ns = PF_LOOKS_FIRST_NS;
}

uint64_t pf_looks_running(struct pf_looks *looks)
{
    looks->interval_ns = at_most(looks->interval_ns * 3 / 2, RUNNING_NS);
    uint64_t wanted = affordable(looks);
    return looks->interval_ns < RUNNING_NS ? looks->interval_ns
                                           : at_most(at_least(wanted, RUNNING_NS), RUNNING_MOST_NS);
}

uint64_t pf_looks_quiet(struct pf_looks *looks)
{
    return at_most(at_least(affordable(looks), QUIET_NS), QUIET_MOST_NS);
}

uint64_t pf_looks_snapshot_begin(void)
{
    return processor_time();
}

void pf_looks_snapshot_end(struct pf_looks *looks, uint64_t begin)
{
    uint64_t cost = processor_time() - begin;
    looks->spent_ns += cost;
    looks->dearest_ns = at_least(looks->dearest_ns, cost);
    looks->used_ns += cost; /* it has its account */
}

uint64_t pf_looks_partial_after(const struct pf_looks *looks)
{
    return SPARE_SHARE * looks->spent_ns;
}

uint64_t pf_looks_snapshot_after(const struct pf_looks *looks)
{
    uint64_t credit = at_least(CREDIT_SNAPSHOTS * looks->dearest_ns, CREDIT_NS);
    return looks->spent_ns > credit ? SHARE * (looks->spent_ns - credit) : 0;
}
