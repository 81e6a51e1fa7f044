#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/barrier.h>
#include <mproc/error.h>
#include <mproc/stop.h>

#include "barrier_internal.h"
#include "segment.h"
#include "step_sweep.h"

enum { LONG_MS = 10000 };

static struct mproc_barrier *new_barrier(uint32_t parties)
{
    struct mproc_barrier *barrier;

    cr_assert_eq(mproc_barrier_create(parties, &barrier), 0, "%s", mproc_error_detail());
    return barrier;
}

/* A child that goes through so many rounds, leaves, and ends with the negative result. */
static pid_t start_party(struct mproc_barrier *barrier, int rounds)
{
    pid_t pid = fork();
    int err = 0;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < rounds && !err; i++)
        err = mproc_barrier_wait(barrier, mproc_deadline_ms(LONG_MS), NULL);
    if (!err)
        err = mproc_barrier_leave(barrier);
    _exit(-err);
}

TestSuite(barrier, .timeout = 20);

Test(barrier, opens_when_all_have_come_and_tells_one)
{
    enum { PARTIES = 4, ROUNDS = 200 };
    struct mproc_barrier *barrier = new_barrier(PARTIES);
    uint32_t *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[PARTIES];

    cr_assert(counts != MAP_FAILED);
    for (int i = 0; i < PARTIES; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            bool is_last = false;
            __atomic_fetch_add(&counts[0], 1, __ATOMIC_SEQ_CST);
            if (mproc_barrier_wait(barrier, mproc_deadline_ms(LONG_MS), &is_last) != 0)
                _exit(1);
            if (__atomic_load_n(&counts[0], __ATOMIC_SEQ_CST) < (round + 1) * PARTIES)
                _exit(2);
            __atomic_fetch_add(&counts[1], is_last, __ATOMIC_SEQ_CST);
        }
        _exit(-mproc_barrier_leave(barrier));
    }
    for (int i = 0; i < PARTIES; i++)
        cr_expect_eq(exit_code(pids[i]), 0);
    cr_expect_eq(counts[1], ROUNDS);
    munmap(counts, 4096);
    mproc_barrier_unref(barrier);
}

Test(barrier, for_one_is_always_open)
{
    struct mproc_barrier *barrier = new_barrier(1);
    bool is_last = false;

    cr_assert_eq(mproc_barrier_wait(barrier, MPROC_NOW, &is_last), 0);
    cr_assert(is_last);
    cr_assert_eq(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL), 0);
    mproc_barrier_unref(barrier);
}

Test(barrier, refuses_what_cannot_be)
{
    struct mproc_barrier *barrier = NULL;

    cr_expect_eq(mproc_barrier_create(0, &barrier), -EINVAL);
    cr_expect_eq(mproc_barrier_create(MPROC_BARRIER_PARTIES_MAX + 1, &barrier), -EINVAL);
    cr_expect_eq(mproc_barrier_create(UINT32_MAX, &barrier), -EINVAL);
    cr_expect_null(barrier);
    barrier = new_barrier(2);
    cr_expect_eq(mproc_barrier_leave(barrier), -EPERM);
    cr_expect_eq(mproc_barrier_abort(barrier), -EPERM);
    mproc_barrier_unref(barrier);
    cr_expect_eq(mproc_barrier_wait(barrier, MPROC_NOW, NULL), -EBADF);
    cr_expect_eq(mproc_barrier_join(barrier), -EBADF);
    cr_expect_eq(mproc_barrier_leave(barrier), -EBADF);
    cr_expect_eq(mproc_barrier_reset(barrier), -EBADF);
    mproc_barrier_unref(barrier);
}

Test(barrier, does_not_count_who_gave_up)
{
    struct mproc_barrier *barrier = new_barrier(2);

    cr_assert_eq(mproc_barrier_wait(barrier, MPROC_NOW, NULL), -EAGAIN);
    uint64_t deadline_ns = mproc_deadline_ms(10);
    cr_assert_eq(mproc_barrier_wait(barrier, deadline_ns, NULL), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns(), deadline_ns);
    pid_t party = start_party(barrier, 1);
    await_rest(party);
    cr_assert_eq(waitpid(party, NULL, WNOHANG), 0, "this thread is not waiting any more");
    cr_assert_eq(mproc_barrier_wait(barrier, mproc_deadline_ms(LONG_MS), NULL), 0);
    cr_assert_eq(exit_code(party), 0);
    mproc_barrier_unref(barrier);
}

Test(barrier, tells_of_a_dead_party_until_it_is_reset)
{
    forbid_naps();
    struct mproc_barrier *barrier = new_barrier(3);
    pid_t first = start_party(barrier, 1);
    pid_t second = start_party(barrier, 1);

    await_rest(first);
    await_rest(second);
    kill_and_reap(first);
    cr_assert_eq(exit_code(second), EOWNERDEAD);
    cr_assert_eq(mproc_barrier_wait(barrier, MPROC_FOREVER, NULL), -EOWNERDEAD);
    cr_assert_eq(mproc_barrier_join(barrier), -EOWNERDEAD);
    cr_assert_eq(mproc_barrier_reset(barrier), 0);
    cr_assert_eq(mproc_barrier_join(barrier), 0);
    pid_t parties[2] = {start_party(barrier, 2), start_party(barrier, 2)};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(mproc_barrier_wait(barrier, mproc_deadline_ms(LONG_MS), NULL), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(exit_code(parties[i]), 0);
    mproc_barrier_unref(barrier);
}

Test(barrier, knows_its_parties)
{
    struct mproc_barrier *barrier = new_barrier(2);
    pid_t parties[2] = {start_party(barrier, 3), start_party(barrier, 3)};

    for (int i = 0; i < 2; i++)
        cr_assert_eq(exit_code(parties[i]), 0);
    cr_assert_eq(mproc_barrier_join(barrier), 0, "they have left");
    cr_assert_eq(mproc_barrier_join(barrier), 0);
    pid_t party = start_party(barrier, 2);
    await_rest(party);
    pid_t third = start_party(barrier, 1);
    cr_assert_eq(exit_code(third), EUSERS);
    cr_assert_eq(mproc_barrier_wait(barrier, mproc_deadline_ms(LONG_MS), NULL), 0);
    await_rest(party);
    cr_assert_eq(mproc_barrier_abort(barrier), 0);
    cr_assert_eq(exit_code(party), EOWNERDEAD);
    mproc_barrier_unref(barrier);
}

static void *wait_under_token(void *arg)
{
    void **pair = arg;

    mproc_stop_enter(pair[1]);
    int err = mproc_barrier_wait(pair[0], mproc_deadline_ms(LONG_MS), NULL);
    mproc_barrier_leave(pair[0]);
    return (void *)(intptr_t)err;
}

Test(barrier, stops_waiting_when_the_thread_is_stopped)
{
    struct mproc_barrier *barrier = new_barrier(2);
    struct mproc_stop *stop;
    pthread_t thread;
    void *result;

    cr_assert_eq(mproc_stop_new(NULL, &stop), 0);
    void *pair[] = {barrier, stop};
    cr_assert_eq(pthread_create(&thread, NULL, wait_under_token, pair), 0);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq((intptr_t)result, -ECANCELED);
    mproc_stop_unref(stop);
    mproc_barrier_unref(barrier);
}

Test(barrier, travels_whole_or_not_at_all)
{
    const off_t parties_at = MPROC_SEGMENT_HEADER + 4;
    struct mproc_barrier *barrier = new_barrier(3);
    struct mproc_parcel parcel = {0};
    void *other = NULL;

    cr_assert_eq(mproc_barrier_class.pack(barrier, &parcel), 0);
    for (uint32_t parties = 0; parties < 70; parties = parties == 0 ? 5 : parties * 2) {
        cr_assert_eq(pwrite(parcel.fds[0], &parties, sizeof(parties), parties_at), 4);
        cr_expect_eq(mproc_barrier_class.unpack(&parcel, &other), -EBADMSG, "%u parties", parties);
    }
    cr_assert_eq(pwrite(parcel.fds[0], &(uint32_t){3}, 4, parties_at), 4);
    cr_assert_eq(mproc_barrier_class.unpack(&parcel, &other), 0);
    cr_assert_eq(mproc_barrier_join(other), 0);
    cr_assert_eq(mproc_barrier_leave(barrier), -EPERM, "joined through the other handle");
    cr_assert_eq(mproc_barrier_leave(other), 0);
    mproc_barrier_class.unref(other);
    mproc_barrier_unref(barrier);
}

static struct {
    pid_t sleeper;
    long broken, opened;
} sweep;

static void body_wait(void *arg)
{
    mproc_barrier_wait(arg, MPROC_FOREVER, NULL);
    mproc_barrier_leave(arg);
}

static void start_sleeper(void *arg)
{
    sweep.sleeper = start_party(arg, 1);
    await_rest(sweep.sleeper);
}

/* Who waits comes out, or is told, or waits on because the dead one had not begun; then we come in its place.
 */
static void judge_wait(void *arg, long at)
{
    struct mproc_barrier *barrier = arg;
    int err = mproc_barrier_join(barrier);

    if (err == 0) {
        /* Where it has opened this is another round, and nobody else is here. */
        siginfo_t info = {0};
        err = mproc_barrier_wait(barrier, MPROC_NOW, NULL);
        cr_assert(err == 0 || err == -EAGAIN, "instruction %ld: %s", at, mproc_error_detail());
        cr_assert_eq(waitid(P_PID, (id_t)sweep.sleeper, &info, WEXITED), 0);
        cr_assert_eq(info.si_status, 0, "instruction %ld: %d", at, info.si_status);
        sweep.opened += err == -EAGAIN;
        cr_assert_eq(mproc_barrier_leave(barrier), 0);
    } else {
        cr_assert_eq(err, -EOWNERDEAD, "instruction %ld", at);
        int code = exit_code(sweep.sleeper);
        cr_assert(code == EOWNERDEAD || code == 0, "instruction %ld: %d", at, code);
        sweep.broken++;
        cr_assert_eq(mproc_barrier_reset(barrier), 0);
        cr_assert_eq(mproc_barrier_reset(barrier), 0);
    }
}

Test(barrier, survives_a_kill_at_every_instruction_of_wait, .timeout = STEP_TIMEOUT_S)
{
    struct mproc_barrier *barrier = new_barrier(2);
    long points = step_sweep(&(struct step_sweep){.body = body_wait,
                                                  .before = start_sleeper,
                                                  .after = judge_wait,
                                                  .arg = barrier,
                                                  .points = 120,
                                                  .more = 40});

    cr_log_info("%ld broken, %ld opened, of %ld", sweep.broken, sweep.opened, points);
    cr_assert(sweep.broken > 0 && sweep.opened > 0 && sweep.broken + sweep.opened < points + 3);
    mproc_barrier_unref(barrier);
}

/* Parties are killed at random instants; whoever sees that resets. All go on. */
Test(barrier, weathers_a_storm_of_kills, .timeout = 60)
{
    enum { PARTIES = 3, STORM_MS = 1500 };
    struct mproc_barrier *barrier = new_barrier(PARTIES);
    long *rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned seed = (unsigned)mproc_clock_ns();
    pid_t parties[PARTIES] = {0};
    long kills = 0;

    cr_assert(rounds != MAP_FAILED);
    for (uint64_t end_ns = mproc_deadline_ms(STORM_MS); mproc_clock_ns() < end_ns; kills++) {
        int victim = rand_r(&seed) % PARTIES;
        if (parties[victim]) {
            kill(parties[victim], SIGKILL);
            cr_assert_eq(exit_code(parties[victim]), -1, "a party found something wrong, or waited in vain");
        }
        parties[victim] = fork();
        if (parties[victim] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) {
                int err = mproc_barrier_wait(barrier, mproc_deadline_ms(LONG_MS), NULL);
                if (err == -EOWNERDEAD)
                    err = mproc_barrier_reset(barrier);
                else if (!err)
                    __atomic_fetch_add(rounds, 1, __ATOMIC_RELAXED);
                if (err)
                    _exit(1);
            }
        }
        mproc_stop_sleep(mproc_clock_ns() + (uint64_t)(rand_r(&seed) % 1000000));
    }
    for (int i = 0; i < PARTIES; i++) {
        if (parties[i]) {
            kill(parties[i], SIGKILL);
            cr_expect_eq(exit_code(parties[i]), -1);
        }
    }
    cr_log_info("%ld kills, %ld rounds", kills, *rounds / PARTIES);
    cr_expect_gt(*rounds, kills);
    munmap(rounds, 4096);
    mproc_barrier_unref(barrier);
}
