/*
 * A worker is killed at every instruction of a hand-over: claiming a cell, the results of its two tasks, and
 * handing it back. What must hold afterwards: the cell's word says how far it was; results before that are
 * whole; all other cells can be claimed by others; and if the owner's bell was silenced, the owner is awake.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include <criterion/criterion.h>

#include <mproc/deadline.h>

#include "pool_hand.h"
#include "step.h"
#include "wait.h"

enum { VICTIM, SURVIVOR, LANES, FIRST = 3, SECOND = 5, ITEMS = 2, RESULT = 40, WAKE_MS = 2000, POINTS = 150 };

static struct mproc_hand *hand;

static unsigned char *result_of(uint32_t cell, uint32_t item)
{
    return mproc_hand_args(hand, cell) + item * RESULT;
}

static bool is_whole(uint32_t cell, uint32_t item)
{
    for (int i = 0; i < RESULT; i++) {
        if (result_of(cell, item)[i] != 'a' + item)
            return false;
    }
    return true;
}

/* What a worker does with one cell. */
static void body_serve(void *arg)
{
    uint32_t cell;

    (void)arg;
    if (!mproc_hand_claim(hand, VICTIM, &cell))
        _exit(1);
    for (uint32_t item = 0; item < ITEMS; item++) {
        memset(result_of(cell, item), 'a' + (int)item, RESULT);
        if (item + 1 < ITEMS)
            mproc_hand_step(hand, cell, VICTIM, item);
    }
    mproc_hand_finish(hand, cell, VICTIM, ITEMS);
}

static void prepare(bool is_bound)
{
    cr_assert_eq(mproc_hand_create(LANES, &hand), 0);
    for (uint32_t i = 0; i < ITEMS; i++) {
        memset(result_of(FIRST, i), '-', RESULT);
        memset(result_of(SECOND, i), '-', RESULT);
    }
    cr_assert(mproc_hand_offer(hand, FIRST));
    if (is_bound)
        cr_assert(mproc_hand_offer_to(hand, SECOND, VICTIM));
    else
        cr_assert(mproc_hand_offer(hand, SECOND));
}

/* Sleeps as the owner does. */
static pid_t start_sleeper(void)
{
    hand->shared->bell = 1;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
        _exit(mproc_wait_one(&hand->shared->bell, 1, mproc_deadline_ms(WAKE_MS)) == 0 ? 0 : 1);
    }
    return pid;
}

/* Who sleeps while its bell is silent was not woken, and never will be. */
static void judge_bell(pid_t sleeper, long at)
{
    int status;

    if (__atomic_load_n(&hand->shared->bell, __ATOMIC_ACQUIRE) != 0)
        kill(sleeper, SIGKILL);
    cr_assert_eq(waitpid(sleeper, &status, 0), sleeper);
    cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0,
              "instruction %ld: the bell is silent, the owner asleep", at);
}

struct seen {
    long ready, taken[ITEMS], done;
};

static void judge_cell(uint32_t cell, long at, struct seen *seen)
{
    uint64_t word = mproc_hand_word(hand, cell);
    uint32_t item = hand_item(word);

    switch (hand_phase(word)) {
    case HAND_READY:
    case HAND_BOUND:
        seen->ready++;
        return;
    case HAND_TAKEN:
        cr_assert(hand_lane(word) == VICTIM && item < ITEMS, "instruction %ld: word %lx", at, (long)word);
        seen->taken[item]++;
        break;
    case HAND_DONE:
        cr_assert(hand_lane(word) == VICTIM && item == ITEMS, "instruction %ld: word %lx", at, (long)word);
        seen->done++;
        break;
    default:
        cr_assert_fail("instruction %ld: word %lx", at, (long)word);
    }
    for (uint32_t i = 0; i < item; i++)
        cr_assert(is_whole(cell, i), "instruction %ld: result %u is not whole", at, i);
}

/* The survivor gets everything that the victim did not, once. */
static void judge_rest(uint32_t victims, bool is_bound, long at)
{
    bool was_ready = hand_phase(mproc_hand_word(hand, victims)) == HAND_READY;
    uint32_t other = victims == FIRST ? SECOND : FIRST;
    unsigned got_victims = 0, got_other = 0;
    uint32_t cell;

    while (mproc_hand_claim(hand, SURVIVOR, &cell)) {
        got_victims += cell == victims;
        got_other += cell == other;
    }
    cr_assert_eq(got_other, 1, "instruction %ld: the other cell was claimed %u times", at, got_other);
    cr_assert_eq(got_victims, was_ready && !is_bound, "instruction %ld: claimed %u times", at, got_victims);
}

/* The list is a hint: it may lack what the word says is done, and never names what is not. */
static bool judge_list(uint32_t victims, long at)
{
    uint32_t head = 0, cell;
    bool is_listed = mproc_hand_next_done(hand, VICTIM, &head, &cell);

    if (is_listed)
        cr_assert(cell == victims && hand_phase(mproc_hand_word(hand, cell)) == HAND_DONE,
                  "instruction %ld: lists %u", at, cell);
    return is_listed;
}

static void sweep(uint32_t victims, bool is_bound)
{
    struct seen seen = {0};
    long listed = 0;

    prepare(is_bound);
    hand->shared->bell = 1;
    long count = step_count(body_serve, NULL);
    mproc_hand_free(hand);
    if (count == 0)
        cr_skip_test("no ptrace here");
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at += walk.stride) {
        prepare(is_bound);
        pid_t sleeper = start_sleeper();
        pid_t pid = step_start(body_serve, NULL);
        if (step_over(pid, at))
            step_kill(pid);
        judge_bell(sleeper, at);
        judge_cell(victims, at, &seen);
        listed += judge_list(victims, at);
        judge_rest(victims, is_bound, at);
        mproc_hand_free(hand);
    }
    cr_log_info("%ld instructions: %ld ready, %ld at the first, %ld at the second, %ld done, %ld listed",
                count, seen.ready, seen.taken[0], seen.taken[1], seen.done, listed);
    cr_assert(seen.ready > 0 && seen.taken[0] > 0 && seen.taken[1] > 0 && seen.done > 0 && listed > 0);
    cr_assert(listed < seen.done);
}

TestSuite(pool_step, .timeout = STEP_TIMEOUT_S);

Test(pool_step, a_hand_over)
{
    sweep(FIRST, false);
}

Test(pool_step, a_hand_over_to_one_worker)
{
    sweep(SECOND, true);
}
