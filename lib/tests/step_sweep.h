/* Sweeps of kill points: what lib/tests/step.h can, as one loop. */
#ifndef MPROC_TESTS_STEP_SWEEP_H
#define MPROC_TESTS_STEP_SWEEP_H

#include <criterion/criterion.h>

#include "sleeper.h"
#include "step_path.h"

/* A call under kills. `before` prepares each kill and may be NULL; `after` judges what the dead one left, and
 * that all others can go on. */
struct step_sweep {
    step_body *body;
    void (*before)(void *arg);
    void (*after)(void *arg, long at);
    void *arg;
    long points; /* about so many, all with MPROC_STEP_ALL */
    long more; /* instructions that the call may have beyond those of a first try, because somebody sleeps */
};

/* Returns how many points were visited. */
static long step_sweep(const struct step_sweep *sweep)
{
    long points = 0;

    /* Once without kills, so that what a first call does once is behind us; and once more to count. */
    for (int i = 0; i < 2; i++) {
        if (sweep->before)
            sweep->before(sweep->arg);
        pid_t pid = fork();
        if (pid == 0) {
            sweep->body(sweep->arg);
            _exit(0);
        }
        cr_assert_eq(exit_code(pid), 0);
        sweep->after(sweep->arg, -1);
    }
    if (sweep->before)
        sweep->before(sweep->arg);
    struct step_path path = step_path_of(sweep->body, sweep->arg);
    if (path.count == 0)
        cr_skip_test("no ptrace here");
    sweep->after(sweep->arg, -1);
    long all = path.count + sweep->more;
    struct step_walk walk = step_walk(all, sweep->points);
    for (long at = walk.first; at < all; at = step_next(at, walk.stride, all), points++) {
        if (sweep->before)
            sweep->before(sweep->arg);
        pid_t pid = step_start(sweep->body, sweep->arg);
        if (step_along(pid, &path, at))
            step_kill(pid);
        sweep->after(sweep->arg, at);
    }
    cr_log_info("%ld of %ld instructions", points, path.count);
    free(path.routes);
    return points;
}

#endif
