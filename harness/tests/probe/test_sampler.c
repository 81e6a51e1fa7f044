#include "scene.h"

static void play_read(void *context)
{
    int *pipe_ends = context;
    char byte;
    for (;;) {
        scene_mark();
        if (read(pipe_ends[0], &byte, 1) != 1)
            _exit(0);
    }
}

static void play_busy(void *context)
{
    (void)context;
    scene_mark();
    for (volatile uint64_t i = 0;; i++)
        ;
}

Test(sampler, sees_a_blocked_thread_as_still, .timeout = 60)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, ends, 1);
    struct pf_sample sample;
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert(sample.all_asleep);
    cr_assert(sample.all_still);
    cr_assert_eq(sample.mover, 0);
    cr_assert_eq(sample.scanned, 1);
    cr_assert_not(pf_sampler_moved(scene->sampler, scene->root));
    scene_end(scene);
}

Test(sampler, sees_a_thread_that_woke_and_slept_again, .timeout = 60)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, ends, 1);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    scene_await_marks(2);
    /* Two scans until it is known to be asleep again; the wakening must show in one of them. */
    bool moved = false;
    struct pf_sample sample;
    do {
        pf_sampler_scan(scene->sampler, true, &sample);
        moved = moved || pf_sampler_moved(scene->sampler, scene->root);
        cr_assert(sample.all_still == !pf_sampler_moved(scene->sampler, scene->root));
        sched_yield();
    } while (!sample.all_still);
    cr_assert(moved);
    scene_end(scene);
}

Test(sampler, an_unknown_thread_has_moved, .timeout = 60)
{
    struct pf_sampler *sampler = pf_sampler_new();
    cr_assert(pf_sampler_moved(sampler, 4711));
    cr_assert_eq(pf_sampler_add(sampler, getpid(), 0x3fffff), -ESRCH);
    pf_sampler_free(sampler);
    pf_sampler_free(NULL);
}

Test(sampler, stops_at_the_first_mover_and_looks_at_it_first, .timeout = 60)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, ends, 1);
    pid_t busy = scene_fork(play_busy, NULL);
    scene_await_marks(2);
    cr_assert_eq(pf_sampler_add(scene->sampler, busy, busy), 0);
    struct pf_sample sample;
    pf_sampler_scan(scene->sampler, false, &sample);
    pf_sampler_scan(scene->sampler, false, &sample);
    cr_assert_eq(sample.mover, busy);
    cr_assert_eq(sample.scanned, 1, "the last mover comes first");
    cr_assert_not(sample.all_asleep);
    cr_assert_not(sample.all_still);
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert_eq(sample.scanned, 2, "a complete scan looks at everybody");
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert(pf_sampler_moved(scene->sampler, busy));
    cr_assert_not(pf_sampler_moved(scene->sampler, scene->root));
    pf_sampler_remove(scene->sampler, busy);
    kill(busy, SIGKILL);
    waitpid(busy, NULL, 0);
    scene_await_still(scene);
    scene_end(scene);
}

/* What an incomplete scan has seen moving must not be forgotten by the next complete one. */
Test(sampler, an_early_exit_forgets_no_movement, .timeout = 60)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, ends, 1);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    scene_await_marks(2);
    /* Asleep again, as the snapshot sees it: the sampler has not looked since. */
    uint64_t deadline = scene_now() + SCENE_SECONDS * 1000000000ull;
    do {
        cr_assert_lt(scene_now(), deadline);
        scene_snapshot(scene);
    } while (scene_wait(scene, "0")->kind != PF_WAIT_READ);
    struct pf_sample sample;
    pf_sampler_scan(scene->sampler, false, &sample);
    cr_assert_eq(sample.mover, scene->root);
    cr_assert_not(sample.all_still);
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert_not(sample.all_still);
    cr_assert(pf_sampler_moved(scene->sampler, scene->root));
    scene_end(scene);
}

Test(sampler, the_end_of_a_thread_is_one_movement, .timeout = 60)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, ends, 1);
    kill(scene->root, SIGKILL);
    cr_assert_eq(waitpid(scene->root, NULL, 0), scene->root);
    struct pf_sample sample;
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert(sample.all_asleep);
    cr_assert_not(sample.all_still);
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert(sample.all_still);
    scene_end(scene);
}

static void play_odd_name(void *context)
{
    prctl(PR_SET_NAME, "a) R (b");
    play_read(context);
}

Test(sampler, a_name_may_look_like_a_state, .timeout = 60)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_odd_name, ends, 1);
    struct pf_sample sample;
    pf_sampler_scan(scene->sampler, true, &sample);
    cr_assert(sample.all_still);
    cr_assert_str_eq(scene->snapshot.threads[0].name, "a) R (b");
    cr_assert_str_eq(scene->snapshot.threads[0].state, "S");
    scene_end(scene);
}
