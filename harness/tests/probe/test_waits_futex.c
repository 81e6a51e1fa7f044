/* Futex words: which lock they are, who has it, and who can reach it. */
#include "locks.h"

#include <fcntl.h>
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *lock_it(void *context)
{
    scene_mark();
    pthread_mutex_lock(context);
    return NULL;
}

static void *pause_it(void *context)
{
    (void)context;
    scene_mark();
    pause();
    return NULL;
}

/* The root holds the lock and pauses, its second thread wants it. */
static void play_lock(void *context)
{
    pthread_mutex_lock(context);
    thread_of(lock_it, context);
    scene_mark();
    pause();
}

Test(futex, a_mutex_names_its_owner, .timeout = 60)
{
    struct scene *scene = scene_play(play_lock, &mutex, 2);
    assert_lock(scene, "0/t1", PF_FUTEX_MUTEX, "0");
    const struct pf_futex *futex = scene_object(scene, "0/t1")->futex;
    cr_assert_not(futex->shared);
    cr_assert_eq(futex->owner_tid, (uint64_t)scene->root);
    cr_assert_eq(futex->address, (uint64_t)(uintptr_t)&mutex);
    cr_assert_eq(futex->process_count, 1);
    cr_assert_str_eq(futex->processes[0], "0");
    cr_assert_str_eq(futex->place, "private memory");
    cr_assert_not(scene_wait(scene, "0/t1")->timed);
    scene_end(scene);
}

Test(futex, mutexes_of_every_type_name_their_owner, .timeout = 60)
{
    const struct {
        int type, robust, protocol;
        enum pf_futex_kind kind;
    } cases[] = {
        {PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, PF_FUTEX_MUTEX},
        {PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, PF_FUTEX_MUTEX},
        {PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, PF_FUTEX_MUTEX},
        {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PF_FUTEX_ROBUST},
        {PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PF_FUTEX_ROBUST},
        {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PF_FUTEX_PI},
        {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT, PF_FUTEX_PI},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        init_mutex(&mutex, cases[i].type, cases[i].robust, cases[i].protocol, PTHREAD_PROCESS_PRIVATE);
        struct scene *scene = scene_play(play_lock, &mutex, 2);
        assert_lock(scene, "0/t1", cases[i].kind, "0");
        scene_end(scene);
    }
}

static void *lock_for_a_time(void *context)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1000;
    scene_mark();
    pthread_mutex_timedlock(context, &deadline);
    return NULL;
}

static void play_timed_lock(void *context)
{
    pthread_mutex_lock(context);
    thread_of(lock_for_a_time, context);
    scene_mark();
    pause();
}

Test(futex, a_timed_lock_is_timed, .timeout = 60)
{
    struct scene *scene = scene_play(play_timed_lock, &mutex, 2);
    scene_assert_wait(scene, "0/t1", PF_WAIT_FUTEX, "futex");
    cr_assert(scene_wait(scene, "0/t1")->timed);
    scene_end(scene);
}

static void play_lock_copy(void *context)
{
    scene_mark();
    pthread_mutex_lock(context);
}

static void play_shared_lock(void *context)
{
    pthread_mutex_lock(context);
    scene_fork(play_lock_copy, context);
    scene_mark();
    pause();
}

Test(futex, a_shared_mutex_is_one_object_with_all_processes, .timeout = 60)
{
    pthread_mutex_t *shared = scene_stage_room();
    init_mutex(shared, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
               PTHREAD_PROCESS_SHARED);
    struct scene *scene = scene_play(play_shared_lock, shared, 2);
    assert_lock(scene, "0.1", PF_FUTEX_MUTEX, "0");
    const struct pf_object *object = scene_object(scene, "0.1");
    cr_assert(object->futex->shared);
    cr_assert_eq(object->futex->process_count, 2);
    cr_assert_str_eq(object->futex->place, "anonymous shared memory");
    cr_assert_not(object->external);
    scene_end(scene);
}

Test(futex, a_lock_copied_by_fork_is_owned_elsewhere, .timeout = 60)
{
    struct scene *scene = scene_play(play_shared_lock, &mutex, 2);
    assert_lock(scene, "0.1", PF_FUTEX_MUTEX, NULL);
    const struct pf_futex *futex = scene_object(scene, "0.1")->futex;
    cr_assert(futex->owner_elsewhere);
    cr_assert_eq(futex->owner_tid, (uint64_t)scene->root);
    cr_assert_not(futex->shared);
    scene_end(scene);
}

/* Nothing was copied: the other process has the lock, and will not wake this one when it lets go of it. */
Test(futex, a_lock_in_shared_memory_that_is_not_made_for_several_is_told_from_a_copied_one, .timeout = 60)
{
    pthread_mutex_t *shared = scene_stage_room();
    init_mutex(shared, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
               PTHREAD_PROCESS_PRIVATE);
    struct scene *scene = scene_play(play_shared_lock, shared, 2);
    assert_lock(scene, "0.1", PF_FUTEX_MUTEX, "0");
    const struct pf_futex *futex = scene_object(scene, "0.1")->futex;
    cr_assert(futex->process_only);
    cr_assert_not(futex->owner_elsewhere);
    cr_assert_not(futex->shared);
    cr_assert_eq(futex->process_count, 1);
    cr_assert_str_eq(futex->place, "anonymous shared memory");
    scene_end(scene);
}

static void play_lock_in_thread(void *context)
{
    thread_of(lock_it, context);
    scene_mark();
    pause();
}

static void play_copy_for_thread(void *context)
{
    pthread_mutex_lock(context);
    scene_fork(play_lock_in_thread, context);
    scene_mark();
    pause();
}

/* The child's main thread is the copy of the owner, and may unlock. */
Test(futex, a_lock_copied_by_fork_may_be_released_by_the_copy_of_its_owner, .timeout = 60)
{
    struct scene *scene = scene_play(play_copy_for_thread, &mutex, 3);
    assert_lock(scene, "0.1/t1", PF_FUTEX_PLAIN, NULL);
    cr_assert_not(scene_object(scene, "0.1/t1")->futex->owner_elsewhere);
    scene_end(scene);
}

static void *lock_and_end(void *context)
{
    *(pid_t *)scene_stage_room() = gettid();
    pthread_mutex_lock(context);
    return NULL;
}

static void play_dead_owner(void *context)
{
    pthread_join(thread_of(lock_and_end, context), NULL);
    scene_mark();
    pthread_mutex_lock(context);
}

Test(futex, an_owner_that_has_ended_is_named, .timeout = 60)
{
    struct scene *scene = scene_begin(play_dead_owner, &mutex);
    scene_await_marks(1);
    scene->dead[scene->request.dead_count++] =
        (struct pf_probe_dead){.address = "0/t1", .tree_tid = *(pid_t *)scene_stage_room()};
    scene_settle(scene, 1);
    assert_lock(scene, "0", PF_FUTEX_MUTEX, NULL);
    cr_assert_str_eq(scene_object(scene, "0")->futex->dead_owner, "0/t1");
    scene_end(scene);
}

Test(futex, an_owner_nobody_knows_makes_the_word_plain, .timeout = 60)
{
    struct scene *scene = scene_play(play_dead_owner, &mutex, 1);
    assert_lock(scene, "0", PF_FUTEX_PLAIN, NULL);
    cr_assert_null(scene_object(scene, "0")->futex->dead_owner);
    scene_end(scene);
}

static void play_join(void *context)
{
    pthread_t thread = thread_of(pause_it, context);
    scene_mark();
    pthread_join(thread, NULL);
}

Test(futex, a_join_names_the_thread, .timeout = 60)
{
    struct scene *scene = scene_play(play_join, NULL, 2);
    assert_lock(scene, "0", PF_FUTEX_JOIN, "0/t1");
    cr_assert_not(scene_object(scene, "0")->futex->shared);
    scene_end(scene);
}

static uint32_t words[16];

/* The same value, flags and thread as pthread_join, but in memory of the program's own. */
static void play_false_join(void *context)
{
    thread_of(pause_it, context);
    scene_mark();
    uint32_t tid = (uint32_t)getpid();
    words[0] = tid;
    syscall(SYS_futex, words, FUTEX_WAIT, tid, NULL, NULL, 0);
}

Test(futex, a_word_that_looks_like_a_join_is_plain, .timeout = 60)
{
    struct scene *scene = scene_play(play_false_join, NULL, 2);
    assert_lock(scene, "0", PF_FUTEX_PLAIN, NULL);
    cr_assert_not(scene_object(scene, "0")->futex->shared);
    scene_end(scene);
}

/* All that a glibc mutex has, but one thing. */
static void play_false_mutex(void *context)
{
    size_t flaw = *(size_t *)context;
    words[0] = 2;                                  /* contended */
    words[1] = flaw == 1;                          /* a count without being recursive */
    words[2] = flaw == 2 ? 1 : (uint32_t)getpid(); /* an owner that is no thread of the tree */
    words[3] = flaw != 3;                          /* no user */
    words[4] = flaw == 4 ? 8 : 0;                  /* an impossible kind */
    words[6] = flaw == 5;                          /* a neighbour that is not of a mutex */
    int operation = flaw == 6 ? FUTEX_WAIT_BITSET : FUTEX_WAIT;
    scene_mark();
    syscall(SYS_futex, words, operation | FUTEX_PRIVATE_FLAG, 2, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}

Test(futex, a_mutex_must_fit_in_every_part, .timeout = 60)
{
    for (size_t flaw = 0; flaw <= 6; flaw++) {
        struct scene *scene = scene_play(play_false_mutex, &flaw, 1);
        assert_lock(scene, "0", flaw ? PF_FUTEX_PLAIN : PF_FUTEX_MUTEX, flaw ? NULL : "0");
        scene_end(scene);
    }
}

static sem_t semaphore;

static void play_semaphore(void *context)
{
    scene_mark();
    sem_wait(context);
}

Test(futex, a_semaphore_has_no_owner, .timeout = 60)
{
    sem_init(&semaphore, 0, 0);
    struct scene *scene = scene_play(play_semaphore, &semaphore, 1);
    assert_lock(scene, "0", PF_FUTEX_SEMAPHORE, NULL);
    cr_assert_not(scene_object(scene, "0")->futex->shared);
    scene_end(scene);
    sem_t *shared = scene_stage_room();
    sem_init(shared, 1, 0);
    scene = scene_play(play_semaphore, shared, 1);
    assert_lock(scene, "0", PF_FUTEX_SEMAPHORE, NULL);
    cr_assert(scene_object(scene, "0")->futex->shared);
    scene_end(scene);
}

static void wait_at(uint32_t *word, int flags)
{
    scene_mark();
    syscall(SYS_futex, word, FUTEX_WAIT | flags, 0, NULL, NULL, 0);
}

static void play_shared_flag_child(void *context)
{
    wait_at(context, 0);
}

static void play_shared_flag(void *context)
{
    scene_fork(play_shared_flag_child, context);
    wait_at(context, 0);
}

Test(futex, private_memory_stays_private_whatever_the_call_says, .timeout = 60)
{
    struct scene *scene = scene_play(play_shared_flag, words, 2);
    const struct pf_object *root = scene_object(scene, "0"), *child = scene_object(scene, "0.1");
    cr_assert_str_neq(root->id, child->id);
    cr_assert_eq(root->futex->process_count, 1);
    cr_assert_str_eq(child->futex->processes[0], "0.1");
    scene_end(scene);
}

static void play_private_flag_child(void *context)
{
    wait_at(context, FUTEX_PRIVATE_FLAG);
}

static void play_private_flag(void *context)
{
    scene_fork(play_private_flag_child, context);
    wait_at(context, FUTEX_PRIVATE_FLAG);
}

/* With the flag the kernel does not look for the other processes, shared memory or not. */
Test(futex, the_private_flag_keeps_shared_memory_apart, .timeout = 60)
{
    struct scene *scene = scene_play(play_private_flag, scene_stage_room(), 2);
    cr_assert_str_neq(scene_object(scene, "0")->id, scene_object(scene, "0.1")->id);
    scene_end(scene);
}

static int memory_file;

static void play_mapped_elsewhere(void *context)
{
    (void)context;
    uint32_t *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, 0);
    wait_at(own + 1024 + 3, 0);
}

static void play_two_mappings(void *context)
{
    /* Another address, and another beginning in the file. */
    uint32_t *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, 4096);
    scene_fork(play_mapped_elsewhere, context);
    wait_at(own + 3, 0);
}

static void play_holds_only(void *context)
{
    (void)context;
    scene_mark();
    pause();
}

static void play_two_mappings_and_a_holder(void *context)
{
    scene_fork(play_holds_only, context);
    play_two_mappings(context);
}

Test(futex, one_word_at_two_addresses_is_one_object, .timeout = 60)
{
    memory_file = memfd_create("words", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(memory_file, 8192), 0);
    struct scene *scene = scene_play(play_two_mappings_and_a_holder, NULL, 3);
    cr_assert_str_eq(scene_object(scene, "0")->id, scene_object(scene, "0.2")->id);
    cr_assert_eq(scene_object(scene, "0")->futex->process_count, 3, "who has the descriptor may map it");
    cr_assert_str_eq(scene_object(scene, "0")->futex->place, "/memfd:words");
    scene_end(scene);
}

Test(futex, memory_that_the_caller_has_too_is_external, .timeout = 60)
{
    memory_file = memfd_create("words", 0);
    cr_assert_eq(ftruncate(memory_file, 8192), 0);
    struct scene *scene = scene_begin(play_two_mappings, NULL);
    const char *ids[1];
    cr_assert_eq(pf_probe_given(&memory_file, 1, scene->arena, ids), 0);
    scene_settle(scene, 2);
    cr_assert_not(scene_object(scene, "0")->external);
    scene->request.outside = ids;
    scene->request.outside_count = 1;
    scene_snapshot(scene);
    cr_assert(scene_object(scene, "0")->external);
    scene_end(scene);
}

static void play_named_memory(void *context)
{
    int file = open(context, O_RDWR);
    wait_at(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), 0);
}

Test(futex, memory_with_a_name_is_external, .timeout = 60)
{
    char name[] = "/dev/shm/pitfall-probe-XXXXXX";
    int file = mkstemp(name);
    cr_assert_eq(ftruncate(file, 4096), 0);
    struct scene *scene = scene_play(play_named_memory, name, 1);
    cr_assert(scene_object(scene, "0")->external);
    cr_assert_str_eq(scene_object(scene, "0")->futex->place, name);
    unlink(name);
    scene_snapshot(scene);
    /* Nobody can map it any more; but that it has no other name, only root can see. */
    cr_assert_eq(scene_object(scene, "0")->external, geteuid() != 0);
    scene_end(scene);
    close(file);
}

Test(futex, a_lock_owned_outside_the_tree_is_external, .timeout = 60)
{
    pthread_mutex_t *shared = scene_stage_room();
    init_mutex(shared, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT,
               PTHREAD_PROCESS_SHARED);
    pthread_mutex_lock(shared);
    struct scene *scene = scene_play(play_lock_copy, shared, 1);
    assert_lock(scene, "0", PF_FUTEX_PLAIN, NULL);
    cr_assert(scene_object(scene, "0")->external);
    scene_end(scene);
    pthread_mutex_unlock(shared);
}

static void play_waitv(void *context)
{
    struct futex_waitv both[2] = {
        {.uaddr = (uint64_t)(uintptr_t)&words[0], .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
        {.uaddr = (uint64_t)(uintptr_t)&words[8], .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
    };
    struct timespec deadline = {.tv_sec = 1000000000};
    scene_mark();
    syscall(SYS_futex_waitv, both, 2, 0, context ? &deadline : NULL, CLOCK_MONOTONIC);
}

Test(futex, several_words_are_several_targets, .timeout = 60)
{
    struct scene *scene = scene_play(play_waitv, NULL, 1);
    scene_assert_wait(scene, "0", PF_WAIT_FUTEX, "futex_waitv");
    cr_assert_eq(scene_wait(scene, "0")->target_count, 2);
    cr_assert_str_neq(scene_wait(scene, "0")->targets[0].object, scene_wait(scene, "0")->targets[1].object);
    cr_assert_not(scene_wait(scene, "0")->timed);
    scene_end(scene);
    scene = scene_play(play_waitv, words, 1);
    cr_assert(scene_wait(scene, "0")->timed);
    scene_end(scene);
}

struct own_lock {
    uint32_t word;
    uint32_t stranger[5];
    void *previous, *next;
};

/* A lock of the program's own on the list that the kernel walks when its owner dies. */
static void play_own_robust(void *context)
{
    struct own_lock *lock = context;
    struct robust_list_head *head;
    size_t size;
    syscall(SYS_get_robust_list, 0, &head, &size);
    lock->word = (uint32_t)getpid() | FUTEX_WAITERS;
    lock->stranger[0] = 77;
    lock->next = head->list.next;
    head->list.next = (struct robust_list *)(void *)((char *)&lock->word - head->futex_offset);
    scene_mark();
    syscall(SYS_futex, &lock->word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, lock->word, NULL, NULL, 0);
}

Test(futex, a_word_on_the_robust_list_of_its_owner_is_a_robust_lock, .timeout = 60)
{
    static struct own_lock lock;
    struct scene *scene = scene_play(play_own_robust, &lock, 1);
    assert_lock(scene, "0", PF_FUTEX_ROBUST, "0");
    scene_end(scene);
}

static void play_wait_for_own_robust(void *context)
{
    struct own_lock *lock = context;
    /* Elsewhere than where the owner has it. */
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, 0);
    struct own_lock *mine = (struct own_lock *)(void *)(memory + 4096);
    if (mine == lock)
        _exit(1);
    scene_mark();
    syscall(SYS_futex, &mine->word, FUTEX_WAIT, mine->word, NULL, NULL, 0);
}

static void play_own_robust_shared(void *context)
{
    (void)context;
    struct own_lock *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, 4096);
    struct robust_list_head *head;
    size_t size;
    syscall(SYS_get_robust_list, 0, &head, &size);
    lock->word = (uint32_t)getpid() | FUTEX_WAITERS;
    lock->next = head->list.next;
    scene_fork(play_wait_for_own_robust, lock);
    head->list.next = (struct robust_list *)(void *)((char *)&lock->word - head->futex_offset);
    scene_mark();
    pause();
}

Test(futex, a_robust_list_is_followed_at_its_owners_addresses, .timeout = 60)
{
    memory_file = memfd_create("locks", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(memory_file, 8192), 0);
    struct scene *scene = scene_play(play_own_robust_shared, NULL, 2);
    assert_lock(scene, "0.1", PF_FUTEX_ROBUST, "0");
    scene_end(scene);
}

static void play_false_robust(void *context)
{
    struct own_lock *lock = context;
    lock->word = (uint32_t)getpid() | FUTEX_WAITERS;
    scene_mark();
    syscall(SYS_futex, &lock->word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, lock->word, NULL, NULL, 0);
}

Test(futex, a_word_with_a_thread_number_alone_is_plain, .timeout = 60)
{
    static struct own_lock lock;
    struct scene *scene = scene_play(play_false_robust, &lock, 1);
    assert_lock(scene, "0", PF_FUTEX_PLAIN, NULL);
    scene_end(scene);
}
