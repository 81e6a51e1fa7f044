/*
 * The user of a connection is killed at every instruction of a call, and at random instants under load. A
 * frame is there whole or not at all, and all others go on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/pipe.h>

#include "step_sweep.h"

enum { POINTS = 40, SMALL = 100, LARGE = 150000 };

static struct mproc_pipe *here, *there;
static unsigned char data[LARGE];
static size_t length;
static long seen_undone, seen_done;

static void set_up(void)
{
    cr_assert_eq(mproc_pipe_create(NULL, &here, &there), 0);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i % 251);
    seen_undone = seen_done = 0;
}

static void tear_down(void)
{
    mproc_pipe_unref(here);
    mproc_pipe_unref(there);
}

TestSuite(pipe_step, .init = set_up, .fini = tear_down, .timeout = STEP_TIMEOUT_S);

static void send_it(void *arg)
{
    (void)arg;
    mproc_pipe_send(here, data, length, MPROC_NOW);
}

static void receive_it(void *arg)
{
    size_t len;
    void *got;

    (void)arg;
    mproc_pipe_receive(there, MPROC_NOW, &got, &len);
}

/* How many frames there are to receive; each must be whole. */
static int count_frames(long at)
{
    int count = 0;
    size_t len;
    void *got;

    while (mproc_pipe_receive(there, MPROC_NOW, &got, &len) == 0) {
        cr_assert(len == length && memcmp(got, data, len) == 0, "killed at %ld: a frame of %zu bytes", at,
                  len);
        free(got);
        count++;
    }
    return count;
}

static void after_send(void *arg, long at)
{
    (void)arg;
    int count = count_frames(at);
    cr_assert_leq(count, 1);
    *(count ? &seen_done : &seen_undone) += 1;
    cr_assert_eq(mproc_pipe_send(here, data, length, MPROC_NOW), 0, "killed at %ld", at);
    cr_assert_eq(count_frames(at), 1);
}

static void before_receive(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(mproc_pipe_send(here, data, length, MPROC_NOW), 0);
}

static void after_receive(void *arg, long at)
{
    (void)arg;
    int count = count_frames(at);
    cr_assert(count == 1 || count == 2, "killed at %ld: %d frames", at, count);
    *(count == 1 ? &seen_done : &seen_undone) += 1;
}

static void sweep_send(size_t len)
{
    const struct step_sweep sweep = {.body = send_it, .after = after_send, .points = POINTS};

    length = len;
    step_sweep(&sweep);
    cr_expect_gt(seen_undone, 0);
    cr_expect_gt(seen_done, 0);
}

Test(pipe_step, in_a_send)
{
    sweep_send(SMALL);
}

Test(pipe_step, in_a_send_of_a_large_frame)
{
    sweep_send(LARGE);
}

Test(pipe_step, in_a_receive)
{
    const struct step_sweep sweep = {
        .body = receive_it, .before = before_receive, .after = after_receive, .points = POINTS};

    length = SMALL;
    step_sweep(&sweep);
    cr_expect_gt(seen_undone, 0);
    cr_expect_gt(seen_done, 0);
}

/* Frame `number` of a life: lengths on both sides of what a packet holds. */
static size_t length_of(unsigned life, unsigned number)
{
    unsigned mix = life * 2654435761u ^ number * 40503u;

    return 8 + (mix % 8 == 0 ? 60000 + mix % 60000 : mix % 900);
}

static _Noreturn void send_for_ever(unsigned life)
{
    static unsigned char frame[130000];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mproc_pipe_unref(there);
    memset(frame, (int)life, sizeof(frame));
    for (unsigned number = 0;; number++) {
        memcpy(frame, &life, 4);
        memcpy(frame + 4, &number, 4);
        if (mproc_pipe_send(here, frame, length_of(life, number), MPROC_FOREVER))
            _exit(1);
    }
}

Test(pipe_step, senders_that_are_killed_under_load)
{
    enum { SENDERS = 3, KILLS = 150 };
    unsigned next[KILLS + SENDERS] = {0};
    pid_t pids[SENDERS];
    unsigned lives = 0, seed = 3;
    size_t len;
    void *got;

    for (int i = 0; i < SENDERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            send_for_ever(lives);
        lives++;
    }
    for (int kills = 0; kills < KILLS; kills++) {
        for (unsigned n = (unsigned)rand_r(&seed) % 64; n > 0; n--) {
            unsigned life, number;
            cr_assert_eq(mproc_pipe_receive(there, mproc_deadline_ms(10000), &got, &len), 0, "%s",
                         mproc_error_detail());
            memcpy(&life, got, 4);
            memcpy(&number, (unsigned char *)got + 4, 4);
            cr_assert_lt(life, lives);
            cr_assert_eq(number, next[life], "life %u: a frame is lost, doubled or out of order", life);
            next[life]++;
            cr_assert_eq(len, length_of(life, number));
            for (size_t i = 8; i < len; i++)
                cr_assert_eq(((unsigned char *)got)[i], (unsigned char)life);
            free(got);
        }
        int victim = (int)((unsigned)rand_r(&seed) % SENDERS);
        kill_and_reap(pids[victim]);
        pids[victim] = fork();
        if (pids[victim] == 0)
            send_for_ever(lives);
        lives++;
    }
    for (int i = 0; i < SENDERS; i++)
        kill_and_reap(pids[i]);
}
