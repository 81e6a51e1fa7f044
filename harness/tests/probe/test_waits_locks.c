/* What has its words in the middle: conditions, barriers, rwlocks; and locks that were left behind. */
#include "locks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void play_condition(void *context)
{
    pthread_mutex_lock(context);
    scene_mark();
    pthread_cond_wait(&condition, context);
}

Test(futex, a_condition_is_known, .timeout = 60)
{
    struct scene *scene = scene_play(play_condition, &mutex, 1);
    assert_lock(scene, "0", PF_FUTEX_CONDITION, NULL);
    cr_assert_eq(scene_object(scene, "0")->futex->owner_tid, 0);
    scene_end(scene);
}

static pthread_barrier_t barrier;

static void play_barrier(void *context)
{
    (void)context;
    scene_mark();
    pthread_barrier_wait(&barrier);
}

Test(futex, a_barrier_tells_how_many_are_missing, .timeout = 60)
{
    pthread_barrier_init(&barrier, NULL, 4);
    struct scene *scene = scene_play(play_barrier, NULL, 1);
    assert_lock(scene, "0", PF_FUTEX_BARRIER, NULL);
    cr_assert_eq(scene_object(scene, "0")->futex->missing, 3);
    scene_end(scene);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *write_lock(void *context)
{
    (void)context;
    scene_mark();
    pthread_rwlock_wrlock(&rwlock);
    return NULL;
}

static void *read_lock(void *context)
{
    (void)context;
    scene_mark();
    pthread_rwlock_rdlock(&rwlock);
    return NULL;
}

static void play_read(void *context)
{
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_rdlock(&rwlock);
    thread_of(context ? read_lock : write_lock, NULL);
    scene_mark();
    pause();
}

Test(futex, a_rwlock_that_is_read_tells_how_many_read, .timeout = 60)
{
    struct scene *scene = scene_play(play_read, NULL, 2);
    assert_lock(scene, "0/t1", PF_FUTEX_RWLOCK, NULL);
    cr_assert_eq(scene_object(scene, "0/t1")->futex->readers, 2);
    cr_assert_eq(scene_object(scene, "0/t1")->futex->owner_tid, 0);
    scene_end(scene);
}

static void play_write(void *context)
{
    pthread_rwlock_wrlock(&rwlock);
    thread_of(context ? read_lock : write_lock, NULL);
    scene_mark();
    pause();
}

Test(futex, a_rwlock_that_is_written_names_its_owner, .timeout = 60)
{
    for (int reads = 0; reads < 2; reads++) {
        struct scene *scene = scene_play(play_write, reads ? stage : NULL, 2);
        assert_lock(scene, "0/t1", PF_FUTEX_RWLOCK, "0");
        cr_assert_eq(scene_object(scene, "0/t1")->futex->readers, 0);
        scene_end(scene);
    }
}

/* Writers first: readers stand behind the one who waits, at a word of their own. */
static void play_read_behind_writer(void *context)
{
    (void)context;
    pthread_rwlock_rdlock(&rwlock);
    thread_of(write_lock, NULL);
    while (!(*(volatile uint32_t *)(void *)&rwlock & 2)) /* the writer's claim */
        sched_yield();
    thread_of(read_lock, NULL);
    scene_mark();
    pause();
}

Test(futex, a_reader_behind_a_waiting_writer_waits_for_the_rwlock, .timeout = 60)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&rwlock, &attributes);
    struct scene *scene = scene_play(play_read_behind_writer, NULL, 3);
    assert_lock(scene, "0/t1", PF_FUTEX_RWLOCK, NULL);
    assert_lock(scene, "0/t2", PF_FUTEX_RWLOCK, NULL);
    cr_assert_eq(scene_object(scene, "0/t2")->futex->readers, 1);
    scene_end(scene);
}

/* One flaw is enough for what looks like a rwlock that is written to be none: a pad that is not empty, a lock
 * for other processes, an impossible kind, not closed, a writer who is not of the tree. */
static void play_false_rwlock(void *context)
{
    uint32_t *lock = context;
    lock[6] = lock[6] ? lock[6] : (uint32_t)getpid();
    scene_mark();
    syscall(SYS_futex, &lock[2], FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 3, NULL, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

Test(futex, what_only_looks_like_a_rwlock_has_no_owner, .timeout = 60)
{
    static const struct {
        size_t at;
        uint32_t value;
    } flaws[] = {{4, 1}, {5, 1}, {7, 1}, {7, 2}, {8, 1}, {10, 1}, {12, 3}, {0, 1}, {3, 9}, {6, 1}, {13, 1}};
    for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
        uint32_t *lock = scene_stage_room();
        memset(lock, 0, 56);
        lock[0] = 3;
        lock[2] = 3;
        lock[flaws[i].at] = flaws[i].value;
        struct scene *scene = scene_play(play_false_rwlock, lock, 1);
        scene_assert_wait(scene, "0", PF_WAIT_FUTEX, "futex");
        bool none = flaws[i].at == 13; /* behind it: no flaw at all */
        cr_assert_eq(scene_object(scene, "0")->futex->owner != NULL, none, "flaw %zu", i);
        scene_end(scene);
    }
}

static void play_lock_and_leave(void *context)
{
    pthread_mutex_lock(context);
    scene_mark();
    if (munmap(stage, sizeof(*stage)))
        _exit(1);
    for (;;)
        pause();
}

static void play_wait_for_who_left(void *context)
{
    scene_fork(play_lock_and_leave, context);
    scene_await_marks(1);
    scene_mark();
    pthread_mutex_lock(context);
}

Test(futex, a_shared_lock_whose_owner_gave_up_the_memory_is_owned_elsewhere, .timeout = 60)
{
    pthread_mutex_t *shared = scene_stage_room();
    init_mutex(shared, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
               PTHREAD_PROCESS_SHARED);
    struct scene *scene = scene_play(play_wait_for_who_left, shared, 2);
    assert_lock(scene, "0", PF_FUTEX_MUTEX, NULL);
    const struct pf_futex *futex = scene_object(scene, "0")->futex;
    cr_assert(futex->owner_elsewhere);
    cr_assert_neq(futex->owner_tid, 0);
    cr_assert(futex->shared);
    scene_end(scene);
}
