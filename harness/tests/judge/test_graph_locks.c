/* Mutexes, joins, semaphores, plain words and file locks in the graph. */
#include <criterion/criterion.h>

#include "scene.h"

static struct scene s;

static void open_scene(void)
{
    scene_open(&s);
}

static void close_scene(void)
{
    scene_close(&s);
}

TestSuite(graph_locks, .init = open_scene, .fini = close_scene, .timeout = 10);

static void expect_stuck(const char *threads)
{
    cr_assert_str_eq(scene_stuck(&s), threads);
}

static void lock_order_inversion(const char *process)
{
    const char *a = pf_arena_printf(s.arena, "%s/t1", process),
               *b = pf_arena_printf(s.arena, "%s/t2", process);
    scene_waits_at(&s, a, "futex:b");
    scene_waits_at(&s, b, "futex:a");
    scene_futex(&s, "futex:a", PF_FUTEX_MUTEX)->owner = a;
    scene_futex(&s, "futex:b", PF_FUTEX_MUTEX)->owner = b;
}

Test(graph_locks, mutexes_in_two_orders_are_proven_beside_a_thread_that_runs)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    lock_order_inversion("0");
    expect_stuck("0/t1 0/t2");
}

Test(graph_locks, mutexes_in_two_orders_are_proven_below_a_parent_that_runs)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    scene_process(&s, "0.1");
    lock_order_inversion("0.1");
    expect_stuck("0.1/t1 0.1/t2");
}

Test(graph_locks, a_thread_that_joins_a_stuck_one_is_stuck_with_it)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:join");
    scene_futex(&s, "futex:join", PF_FUTEX_JOIN)->owner = "0/t1";
    lock_order_inversion("0");
    expect_stuck("0 0/t1 0/t2");
}

Test(graph_locks, a_thread_that_joins_a_live_one_is_not)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:join");
    scene_thread(&s, "0/t1", PF_WAIT_SLEEP);
    scene_futex(&s, "futex:join", PF_FUTEX_JOIN)->owner = "0/t1";
    expect_stuck("");
}

Test(graph_locks, a_join_whose_thread_was_not_seen_is_no_proof)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:join");
    scene_futex(&s, "futex:join", PF_FUTEX_JOIN)->owner_tid = 12;
    expect_stuck("");
}

Test(graph_locks, a_join_with_a_thread_that_has_ended_is_about_to_return)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0/t1", "futex:join");
    scene_thread(&s, "0", PF_WAIT_EXIT);
    scene_futex(&s, "futex:join", PF_FUTEX_JOIN)->owner = "0";
    expect_stuck("");
}

Test(graph_locks, a_mutex_that_is_locked_twice_by_one_thread_is_stuck)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->owner = "0";
    expect_stuck("0");
}

Test(graph_locks, a_mutex_of_the_dead_is_proven_below_a_parent_that_runs)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:1");
    struct pf_futex *futex = scene_futex(&s, "futex:1", PF_FUTEX_MUTEX);
    futex->dead_owner = "0.2";
    scene_maps(&s, futex, "0");
    scene_maps(&s, futex, "0.1");
    expect_stuck("0.1");
}

Test(graph_locks, a_robust_mutex_of_the_dead_is_handed_on_by_the_kernel)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_ROBUST)->dead_owner = "0.2";
    expect_stuck("");
}

Test(graph_locks, a_robust_mutex_is_released_when_its_owner_can_be_killed)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:a");
    scene_process(&s, "0.2");
    scene_waits_at(&s, "0.2", "futex:b");
    scene_futex(&s, "futex:a", PF_FUTEX_ROBUST)->owner = "0.2";
    scene_futex(&s, "futex:b", PF_FUTEX_ROBUST)->owner = "0.1";
    expect_stuck("");
}

Test(graph_locks, a_plain_mutex_is_not_released_when_its_owner_can_be_killed)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:a");
    scene_process(&s, "0.2");
    scene_waits_at(&s, "0.2", "futex:b");
    scene_futex(&s, "futex:a", PF_FUTEX_MUTEX)->owner = "0.2";
    scene_futex(&s, "futex:b", PF_FUTEX_MUTEX)->owner = "0.1";
    expect_stuck("0.1 0.2");
}

Test(graph_locks, a_mutex_copied_by_fork_while_it_was_held_is_stuck)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->owner_elsewhere = true;
    expect_stuck("0 0.1");
}

Test(graph_locks, a_mutex_with_an_owner_that_was_not_seen_is_no_proof)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->owner = "0/t7";
    expect_stuck("");
}

Test(graph_locks, a_mutex_with_an_owner_that_nobody_knows_is_no_proof)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->owner_tid = 99;
    expect_stuck("");
}

Test(graph_locks, a_mutex_whose_owner_waits_for_something_that_can_come_is_not_stuck)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:1");
    scene_thread(&s, "0.1/t1", PF_WAIT_SIGNAL);
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->owner = "0.1/t1";
    expect_stuck("");
}

Test(graph_locks, a_private_word_can_only_be_woken_by_threads_of_its_process)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_PLAIN);
    scene_actor(&s, "0.1", PF_WAIT_SIGNAL);
    expect_stuck("0");
}

Test(graph_locks, a_private_word_beside_a_live_thread_is_not_stuck)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_thread(&s, "0/t1", PF_WAIT_SLEEP);
    scene_futex(&s, "futex:1", PF_FUTEX_PLAIN);
    expect_stuck("");
}

Test(graph_locks, a_shared_semaphore_can_be_posted_by_whoever_maps_it)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_actor(&s, "0.1", PF_WAIT_SIGNAL);
    struct pf_futex *futex = scene_futex(&s, "futex:1", PF_FUTEX_SEMAPHORE);
    scene_maps(&s, futex, "0");
    expect_stuck("0");
    scene_maps(&s, futex, "0.1");
    expect_stuck("");
}

Test(graph_locks, shared_memory_with_a_name_is_open_to_the_world)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    struct pf_futex *futex = scene_futex(&s, "futex:1", PF_FUTEX_SEMAPHORE);
    scene_maps(&s, futex, "0");
    s.snapshot.objects[0].external = true;
    expect_stuck("");
}

Test(graph_locks, shared_memory_that_nobody_is_known_to_map_is_no_proof)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_PLAIN)->shared = true;
    expect_stuck("");
}

static struct pf_file_lock *locked_file(const char *id, const char *type, const char *owner)
{
    struct pf_object *file = scene_object(&s, PF_OBJECT_FILE, id);
    struct pf_file_lock *lock = pf_arena_grow(s.arena, &file->locks, &file->lock_count, sizeof(*lock));
    *lock = (struct pf_file_lock){.type = type, .exclusive = true, .process = owner};
    return lock;
}

static void wants_lock(const char *address, const char *file)
{
    scene_target(&s, scene_actor(&s, address, PF_WAIT_LOCK), file);
}

Test(graph_locks, two_file_locks_in_two_orders_are_stuck)
{
    wants_lock("0.1", "file:2");
    wants_lock("0.2", "file:1");
    locked_file("file:1", "posix", "0.1");
    locked_file("file:2", "posix", "0.2");
    expect_stuck("0.1 0.2");
}

/* The kernel releases the locks of a process that is killed. */
Test(graph_locks, file_locks_of_processes_that_can_be_killed_are_no_proof)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    wants_lock("0.1", "file:2");
    wants_lock("0.2", "file:1");
    locked_file("file:1", "posix", "0.1");
    locked_file("file:2", "posix", "0.2");
    expect_stuck("");
}

Test(graph_locks, a_file_lock_against_oneself_is_proven_below_a_parent_that_runs)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    wants_lock("0.1", "file:1");
    locked_file("file:1", "flock", "0.1");
    expect_stuck("0.1");
}

Test(graph_locks, a_file_lock_that_an_heir_of_the_open_file_could_release_is_no_proof)
{
    wants_lock("0.1", "file:1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    locked_file("file:1", "flock", "0.1");
    scene_holder(&s, &s.snapshot.objects[0], "0.2", "rw");
    expect_stuck("");
}

Test(graph_locks, a_file_lock_held_by_a_process_that_was_not_seen_is_no_proof)
{
    wants_lock("0", "file:1");
    locked_file("file:1", "posix", "0.7");
    expect_stuck("");
}

Test(graph_locks, a_file_lock_that_nobody_is_known_to_have_is_no_proof)
{
    wants_lock("0", "file:1");
    scene_object(&s, PF_OBJECT_FILE, "file:1");
    expect_stuck("");
}

/* Who holds a file lock is read from descriptors: where some could not be read, another may have it. */
Test(graph_locks, file_locks_are_not_proven_where_descriptors_could_not_be_read)
{
    wants_lock("0", "file:1");
    locked_file("file:1", "flock", "0");
    expect_stuck("0");
    const char *unknown[] = {"the descriptors of 0.3 cannot be read"};
    s.snapshot.unknown = unknown;
    s.snapshot.unknown_count = 1;
    expect_stuck("");
}

Test(graph_locks, a_named_semaphore_may_be_posted_by_whoever_lives)
{
    scene_process(&s, "0");
    struct pf_futex *futex = scene_futex(&s, "futex:1", PF_FUTEX_SEMAPHORE);
    scene_maps(&s, futex, "0");
    s.snapshot.objects[0].external = true;
    scene_waits_at(&s, "0", "futex:1");
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0.1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    expect_stuck("");
}

Test(graph_locks, a_file_lock_held_outside_the_tree_is_no_proof)
{
    wants_lock("0", "file:1");
    locked_file("file:1", "posix", NULL);
    expect_stuck("");
}

Test(graph_locks, a_timer_of_the_process_may_fire_even_into_a_lock)
{
    scene_process(&s, "0")->timer = true;
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->dead_owner = "0.1";
    expect_stuck("");
}

Test(graph_locks, a_handler_that_may_run_may_also_wake_others)
{
    scene_waits_at(&s, "0.1", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->dead_owner = "0.3";
    scene_reads(&s, "0.2", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.2");
    scene_actor(&s, "0.4", PF_WAIT_SLEEP);
    expect_stuck("0.1");
}

Test(graph_locks, what_could_not_be_read_forbids_soft_proofs_only)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->dead_owner = "0.2";
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0 0.1");
    const char *unknown[] = {"the descriptors of 0.3 cannot be read"};
    s.snapshot.unknown = unknown;
    s.snapshot.unknown_count = 1;
    expect_stuck("0");
}

/* ---- rwlocks and barriers ---- */

/* Two who map one word and wait at it; their parent lives. */
static struct pf_futex *two_below_the_living(enum pf_futex_kind kind)
{
    scene_actor(&s, "0", PF_WAIT_SLEEP);
    scene_process(&s, "0.1")->handles_nothing = true;
    scene_process(&s, "0.2")->handles_nothing = true;
    scene_waits_at(&s, "0.1", "futex:1");
    scene_waits_at(&s, "0.2", "futex:1");
    struct pf_futex *futex = scene_futex(&s, "futex:1", kind);
    scene_maps(&s, futex, "0.1");
    scene_maps(&s, futex, "0.2");
    return futex;
}

Test(graph_locks, a_barrier_of_those_who_wait_there_is_proven_beside_the_living)
{
    two_below_the_living(PF_FUTEX_BARRIER);
    expect_stuck("0.1 0.2");
}

Test(graph_locks, a_rwlock_whose_readers_are_stuck_is_proven_beside_the_living)
{
    two_below_the_living(PF_FUTEX_RWLOCK)->readers = 1;
    expect_stuck("0.1 0.2");
}

/* Whoever waits for news may be there to be killed one day: that is how idle workers end. */
Test(graph_locks, a_condition_or_a_semaphore_is_not)
{
    struct pf_futex *futex = two_below_the_living(PF_FUTEX_CONDITION);
    expect_stuck("");
    futex->kind = PF_FUTEX_SEMAPHORE;
    expect_stuck("");
}

Test(graph_locks, a_barrier_is_not_proven_beside_the_living_where_a_handler_could_come_to_it)
{
    two_below_the_living(PF_FUTEX_BARRIER);
    s.snapshot.processes[2].handles_nothing = false;
    expect_stuck("");
}

Test(graph_locks, a_barrier_is_not_proven_beside_the_living_who_may_come_to_it_by_name)
{
    two_below_the_living(PF_FUTEX_BARRIER);
    s.snapshot.objects[0].named = true;
    expect_stuck("");
    s.snapshot.objects[0].named = false;
    s.snapshot.objects[0].external = true;
    expect_stuck("");
}

/* The word may change without anybody being woken, and a wait that is interrupted then looks at it again. */
Test(graph_locks, a_barrier_is_not_proven_beside_the_living_where_it_is_not_made_for_several_processes)
{
    two_below_the_living(PF_FUTEX_BARRIER)->process_only = true;
    expect_stuck("");
}

Test(graph_locks, a_barrier_is_not_proven_where_one_who_maps_it_lives)
{
    scene_maps(&s, two_below_the_living(PF_FUTEX_BARRIER), "0");
    s.snapshot.processes[0].handles_nothing = true;
    expect_stuck("");
}

Test(graph_locks, a_barrier_is_not_proven_beside_the_living_while_something_is_unread)
{
    two_below_the_living(PF_FUTEX_BARRIER);
    static const char *unknown[] = {"the memory mappings of 0 cannot be read"};
    s.snapshot.unknown = unknown;
    s.snapshot.unknown_count = 1;
    expect_stuck("");
}

Test(graph_locks, a_rwlock_waits_for_its_writer_alone)
{
    two_below_the_living(PF_FUTEX_RWLOCK)->owner = "0.2";
    s.snapshot.processes[1].handles_nothing = false;
    expect_stuck("0.1 0.2");
    s.snapshot.objects[0].futex->owner = "0";
    expect_stuck("");
}

Test(graph_locks, a_rwlock_of_a_dead_writer_is_nobodys)
{
    two_below_the_living(PF_FUTEX_RWLOCK)->dead_owner = "0.3";
    s.snapshot.processes[1].handles_nothing = s.snapshot.processes[2].handles_nothing = false;
    expect_stuck("0.1 0.2");
}
