/* How often a tree is looked at, by what looks cost. */
#include <time.h>

#include <criterion/criterion.h>

#include "supervise/looks.h"

static const uint64_t MS = 1000000;

static uint64_t used(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void use(uint64_t ns)
{
    for (uint64_t end = used() + ns; used() < end;)
        ;
}

/* As they are once looks have been made for a while. */
static struct pf_looks looks_of_a_running_tree(void)
{
    struct pf_looks looks = {0};
    pf_looks_moved(&looks);
    for (int i = 0; i < 5; i++)
        pf_looks_running(&looks);
    return looks;
}

Test(looks, become_rarer_while_a_tree_runs)
{
    struct pf_looks looks = looks_of_a_running_tree();
    pf_looks_moved(&looks);
    cr_expect_eq(pf_looks_running(&looks), 3 * MS);
    cr_expect_eq(pf_looks_running(&looks), 4500000);
    cr_expect_geq(pf_looks_running(&looks), 5 * MS);
}

Test(looks, take_a_hundredth_of_a_core_at_most)
{
    struct pf_looks looks = looks_of_a_running_tree();
    use(70000);
    cr_expect_geq(pf_looks_running(&looks), 7 * MS);
    pf_looks_quiet(&looks);
    use(500000);
    cr_expect_geq(pf_looks_quiet(&looks), 50 * MS);
}

Test(looks, are_never_put_off_for_long)
{
    struct pf_looks looks = looks_of_a_running_tree();
    use(20 * MS);
    cr_expect_eq(pf_looks_running(&looks), 10 * MS);
    use(20 * MS);
    cr_expect_eq(pf_looks_quiet(&looks), 100 * MS);
    pf_looks_moved(&looks);
    use(20 * MS);
    cr_expect_eq(pf_looks_running(&looks), 3 * MS, "what moved is looked at soon, whatever that costs");
}

static void take_snapshot(struct pf_looks *looks, uint64_t cost)
{
    uint64_t begin = pf_looks_snapshot_begin();
    use(cost);
    pf_looks_snapshot_end(looks, begin);
}

Test(looks, do_not_pay_for_snapshots)
{
    struct pf_looks looks = looks_of_a_running_tree();
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 5; i++) { /* an interrupt may be counted with us */
        take_snapshot(&looks, 1 * MS);
        uint64_t interval = pf_looks_running(&looks);
        least = interval < least ? interval : least;
    }
    cr_expect_lt(least, 10 * MS);
}

Test(looks, leave_snapshots_of_a_quiet_tree_some_credit)
{
    struct pf_looks looks = {0};
    for (int i = 0; i < 4; i++) {
        take_snapshot(&looks, 60 * MS);
        cr_expect_eq(pf_looks_snapshot_after(&looks), 0);
        cr_expect_geq(pf_looks_partial_after(&looks), (uint64_t)(i + 1) * 6000 * MS);
    }
    take_snapshot(&looks, 30 * MS);
    cr_expect_geq(pf_looks_snapshot_after(&looks), 1000 * MS);
}
