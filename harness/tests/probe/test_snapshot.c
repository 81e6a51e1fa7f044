/* What holds for a snapshot as a whole: what it does not know, and other ways to read the same. */
#include "scene.h"

#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>

#include "model/snapshot.h"

static int ends[2];

static void *read_on(void *context)
{
    char byte;
    (void)context;
    scene_mark();
    if (read(ends[0], &byte, 1) < 0)
        _exit(1);
    return NULL;
}

static void play_two_threads(void *context)
{
    pthread_t thread;
    if (pipe(ends) || pthread_create(&thread, NULL, read_on, context))
        _exit(1);
    read_on(context);
}

Test(snapshot, a_thread_that_the_request_does_not_name_forbids_a_proof, .timeout = 60)
{
    struct scene *scene = scene_play(play_two_threads, NULL, 2);
    cr_assert_not(scene_object(scene, "0")->external);
    cr_assert_eq(scene->snapshot.unknown_count, 0);
    scene->request.thread_count = 1;
    scene_snapshot(scene);
    cr_assert(scene_object(scene, "0")->external);
    cr_assert_eq(scene->snapshot.unknown_count, 1);
    cr_assert(strstr(scene->snapshot.unknown[0], "not known"));
    scene_end(scene);
}

static void play_read(void *context)
{
    read_on(context);
}

Test(snapshot, a_process_that_is_gone_waits_for_nothing, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, NULL, 1);
    kill(scene->root, SIGKILL);
    waitpid(scene->root, NULL, 0);
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_EXIT);
    cr_assert(pf_snapshot_process(&scene->snapshot, "0")->zombie);
    cr_assert_eq(scene->snapshot.unknown_count, 0);
    scene_end(scene);
}

Test(snapshot, the_strings_outlive_the_request, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, NULL, 1);
    char address[] = "0";
    scene->processes[0].address = address;
    scene->threads[0].address = scene->threads[0].process = address;
    scene_snapshot(scene);
    memset(address, 'x', 1);
    cr_assert_str_eq(scene->snapshot.threads[0].thread, "0");
    cr_assert_str_eq(scene->snapshot.threads[0].process, "0");
    cr_assert_str_eq(scene_object(scene, "0")->holders[0].process, "0");
    scene_end(scene);
}

static void play_naps(void *context)
{
    (void)context;
    struct timespec nap = {.tv_nsec = 200000};
    scene_mark();
    for (;;)
        nanosleep(&nap, NULL);
}

/* It sleeps at almost every look, but the same thread many times over makes the snapshot longer than a nap.
 */
Test(snapshot, a_thread_that_ran_between_the_two_looks_moves, .timeout = 60)
{
    struct scene *scene = scene_begin(play_naps, NULL);
    scene_await_marks(1);
    scene_find_tree(scene);
    for (size_t i = 1; i < 200; i++)
        scene->threads[i] = scene->threads[0];
    scene->request.thread_count = 200;
    scene_snapshot(scene);
    for (size_t i = 0; i < 200; i++)
        cr_assert_eq(scene->snapshot.threads[i].wait.kind, PF_WAIT_NONE, "look %zu", i);
    scene_end(scene);
}

Test(snapshot, many_threads, .timeout = 60)
{
    /* More than keep their files open at once. */
    struct scene *scene = scene_play(play_two_threads, NULL, 2);
    for (size_t i = 2; i < 200; i++)
        scene->threads[i] = scene->threads[i % 2];
    scene->request.thread_count = 200;
    scene_snapshot(scene);
    cr_assert_eq(scene->snapshot.thread_count, 200);
    for (size_t i = 0; i < 200; i++)
        cr_assert_eq(scene->snapshot.threads[i].wait.kind, PF_WAIT_READ);
    scene_end(scene);
}

Test(snapshot, a_thread_in_a_stop_of_the_tracer_moves, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_read, NULL, 1);
    int status;
    cr_assert_eq(ptrace(PTRACE_SEIZE, scene->root, NULL, NULL), 0);
    cr_assert_eq(ptrace(PTRACE_INTERRUPT, scene->root, NULL, NULL), 0);
    cr_assert_eq(waitpid(scene->root, &status, __WALL), scene->root);
    scene_snapshot(scene);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_NONE);
    scene_end(scene);
}

static void play_intercepted(void *context)
{
    (void)context;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter || seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(getppid), 0) || seccomp_load(filter))
        _exit(1);
    scene_mark();
    /* Nobody answers. */
    syscall(SYS_getppid);
}

static void play_filtered_read(void *context)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(getppid), 0) ||
        seccomp_load(filter))
        _exit(1);
    read_on(context);
}

Test(snapshot, a_call_that_is_intercepted_is_held, .timeout = 60)
{
    struct scene *scene = scene_play(play_intercepted, NULL, 1);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_HELD);
    scene_end(scene);
    cr_assert_eq(pipe(ends), 0);
    scene = scene_play(play_filtered_read, NULL, 1);
    cr_assert_eq(scene_wait(scene, "0")->kind, PF_WAIT_READ, "a filter that only filters holds nobody");
    scene_end(scene);
}

/* On kernels before 6.11 the mappings are read as text; a filter makes this one such a kernel. */
static void forbid_queries(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    cr_assert(filter);
    cr_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffff, 'f' << 8 | 17)),
                 0);
    cr_assert_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
}

static void play_wait_shared(void *context)
{
    (void)context;
    uint32_t *word = (uint32_t *)scene_stage_room() + 5;
    scene_mark();
    syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void play_shared_by_two(void *context)
{
    scene_fork(play_wait_shared, context);
    play_wait_shared(context);
}

Test(snapshot, mappings_read_the_same_from_older_kernels, .timeout = 60)
{
    struct scene *scene = scene_play(play_shared_by_two, NULL, 2);
    char *id = strdup(scene_object(scene, "0")->id);
    cr_assert_str_eq(scene_object(scene, "0.1")->id, id);
    forbid_queries();
    scene_snapshot(scene);
    const struct pf_object *object = scene_object(scene, "0");
    cr_assert_str_eq(object->id, id);
    cr_assert_str_eq(scene_object(scene, "0.1")->id, id);
    cr_assert_eq(object->futex->process_count, 2);
    cr_assert_str_eq(object->futex->place, "anonymous shared memory");
    free(id);
    scene_end(scene);
}
