/*
 * Reading a lock from its memory. Nothing in the kernel says what a futex word is; the C library's layouts
 * do, and only for those who use them. So a word counts as a lock only if everything around it fits together,
 * down to an owner that is a thread of the tree; otherwise it stays plain, and anybody may wake its waiters.
 */
#include "probe/futexes.h"

#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/futex_shapes.h"

enum { JOIN_DISTANCE = 512, MAX_ROBUST_LOCKS = 1024, SEMAPHORE_WAITERS = 100000 };

#if defined(__x86_64__) && defined(__GLIBC__)
enum { KNOWN_LAYOUT = 1 };
#else
enum { KNOWN_LAYOUT = 0 };
#endif

/* pthread_mutex_t of glibc on x86-64. */
struct mutex_layout {
    uint32_t lock, count, owner, users, kind, spins;
    uint64_t previous, next;
};

enum {
    KIND_TYPE = 3,
    KIND_RECURSIVE = 1,
    KIND_ADAPTIVE = 3,
    KIND_ROBUST = 16,
    KIND_SHARED = 128,
    KIND_ELISION = 256 | 512,
};

/* sem_t of glibc on 64-bit machines. */
struct semaphore_layout {
    uint32_t value, waiters, private_flag;
};

static bool is_thread_of_tree(struct pf_survey *survey, uint32_t tid)
{
    return tid != 0 && (pf_survey_thread_in_tree(survey, (pid_t)tid) || pf_survey_dead(survey, (pid_t)tid));
}

static bool is_mutex(const struct mutex_layout *mutex, const struct pf_futex_wait *wait)
{
    uint32_t type = mutex->kind & KIND_TYPE;
    return wait->operation == FUTEX_WAIT && wait->value == 2 && (mutex->lock == 1 || mutex->lock == 2) &&
           mutex->users >= 1 && (mutex->kind & ~(uint32_t)(KIND_TYPE | KIND_SHARED | KIND_ELISION)) == 0 &&
           !(mutex->kind & KIND_SHARED) == wait->process_only &&
           (type == KIND_RECURSIVE ? mutex->count >= 1 : mutex->count == 0) &&
           (type == KIND_ADAPTIVE || mutex->spins == 0) && mutex->previous == 0 && mutex->next == 0;
}

static bool is_robust_mutex(const struct mutex_layout *mutex, const struct pf_futex_wait *wait)
{
    return (mutex->kind & KIND_ROBUST) && !(mutex->kind & KIND_SHARED) == wait->process_only &&
           mutex->users >= 1 && mutex->owner == (mutex->lock & FUTEX_TID_MASK);
}

static bool is_semaphore(const struct semaphore_layout *semaphore, const struct pf_futex_wait *wait)
{
    return wait->operation == FUTEX_WAIT_BITSET && wait->value == 0 && semaphore->value == 0 &&
           semaphore->waiters >= 1 && semaphore->waiters <= SEMAPHORE_WAITERS &&
           semaphore->private_flag == (wait->process_only ? 0 : FUTEX_PRIVATE_FLAG);
}

static bool robust_head(const struct pf_probe_thread *thread, uint64_t *ret_address)
{
    void *head = NULL;
    size_t size = 0;
    if (syscall(SYS_get_robust_list, thread->tid, &head, &size) || !head)
        return false;
    *ret_address = (uint64_t)(uintptr_t)head;
    return true;
}

/* Whether the owner's thread has told the kernel that it holds the lock at that address of its memory. */
static bool is_on_robust_list(const struct pf_probe_thread *owner, uint64_t address)
{
    struct {
        uint64_t next;
        int64_t offset;
        uint64_t pending;
    } head;
    uint64_t head_address, node;
    if (!address || !robust_head(owner, &head_address) ||
        pf_proc_memory(owner->tid, head_address, &head, sizeof(head)))
        return false;
    node = head.next;
    for (size_t i = 0; i < MAX_ROBUST_LOCKS && (node & ~1ull) != head_address; i++) {
        if ((node & ~1ull) + (uint64_t)head.offset == address)
            return true;
        if (pf_proc_memory(owner->tid, node & ~1ull, &node, sizeof(node)))
            return false;
    }
    return false;
}

static bool is_robust(struct pf_blocked *blocked, const struct pf_futex_wait *wait,
                      const struct pf_futex_key *key, const struct mutex_layout *mutex, bool whole)
{
    uint32_t tid = mutex->lock & FUTEX_TID_MASK;
    if (wait->value != mutex->lock || !(mutex->lock & FUTEX_WAITERS) ||
        !is_thread_of_tree(blocked->survey, tid))
        return false;
    if (KNOWN_LAYOUT && whole && is_robust_mutex(mutex, wait))
        return true;
    const struct pf_probe_thread *owner = pf_survey_thread_in_tree(blocked->survey, (pid_t)tid);
    struct pf_site *site = owner ? pf_survey_site(blocked->survey, owner->pid) : NULL;
    if (!site)
        return false;
    uint64_t address = key->mapping ? pf_site_address(blocked->survey, site, key->mapping, key->offset)
                       : site == blocked->site ? wait->address
                                               : 0;
    return is_on_robust_list(owner, address);
}

void pf_futex_classify(struct pf_blocked *blocked, const struct pf_futex_wait *wait,
                       const struct pf_futex_key *key, struct pf_futex *ret_futex)
{
    struct mutex_layout mutex = {0};
    struct semaphore_layout semaphore = {0};
    pid_t tid = blocked->thread->tid;
    bool whole = pf_proc_memory(tid, wait->address, &mutex, sizeof(mutex)) == 0;
    if (!whole && pf_proc_memory(tid, wait->address, &mutex.lock, sizeof(mutex.lock)))
        return;
    ret_futex->word = mutex.lock;
    if (wait->operation == FUTEX_LOCK_PI || wait->operation == FUTEX_LOCK_PI2) {
        ret_futex->kind = PF_FUTEX_PI;
        ret_futex->owner_tid = mutex.lock & FUTEX_TID_MASK;
        return;
    }
    if (is_robust(blocked, wait, key, &mutex, whole)) {
        ret_futex->kind = PF_FUTEX_ROBUST;
        ret_futex->owner_tid = mutex.lock & FUTEX_TID_MASK;
        return;
    }
    if (!KNOWN_LAYOUT)
        return;
    if (whole && is_mutex(&mutex, wait) && is_thread_of_tree(blocked->survey, mutex.owner)) {
        ret_futex->kind = PF_FUTEX_MUTEX;
        ret_futex->owner_tid = mutex.owner;
    } else if (pf_futex_shape(tid, wait, ret_futex)) {
        if (ret_futex->owner_tid && !is_thread_of_tree(blocked->survey, (uint32_t)ret_futex->owner_tid))
            ret_futex->owner_tid = 0;
    } else if (pf_proc_memory(tid, wait->address, &semaphore, sizeof(semaphore)) == 0 &&
               is_semaphore(&semaphore, wait)) {
        ret_futex->kind = PF_FUTEX_SEMAPHORE;
    }
}

bool pf_futex_is_join(struct pf_blocked *blocked, const struct pf_futex_wait *wait, uint32_t word)
{
    if (!KNOWN_LAYOUT || wait->process_only || word == 0 || word != wait->value)
        return false;
    const struct pf_probe_thread *thread = pf_survey_thread_in_tree(blocked->survey, (pid_t)word);
    uint64_t head;
    if (!thread || thread->pid != blocked->thread->pid || !robust_head(thread, &head))
        return false;
    /* Both lie in the thread's descriptor. */
    uint64_t distance = head > wait->address ? head - wait->address : wait->address - head;
    return distance <= JOIN_DISTANCE;
}

static bool waits_here(const struct pf_survey *survey, const char *thread, const char *object)
{
    const struct pf_thread_state *state = pf_snapshot_thread(survey->snapshot, thread);
    for (size_t i = 0; state && state->wait.kind == PF_WAIT_FUTEX && i < state->wait.target_count; i++)
        if (strcmp(state->wait.targets[i].object, object) == 0)
            return true;
    return false;
}

/* The process part of a thread's address: "0.1" of "0.1/t2". */
static bool is_of_process(const char *thread, const char *process)
{
    size_t length = strlen(process);
    return strncmp(thread, process, length) == 0 && (thread[length] == '\0' || thread[length] == '/');
}

/*
 * A fork copies locks with their owner's number. The copy of the thread that forked is the child's main
 * thread, and if it was the owner, it may well release the copy (pthread_atfork is made for that). So
 * that nobody can is certain only when the main thread itself waits here.
 */
static void settle_copy(struct pf_survey *survey, struct pf_object *object)
{
    struct pf_futex *futex = object->futex;
    if (futex->process_count != 1 || !waits_here(survey, futex->processes[0], object->id))
        futex->kind = PF_FUTEX_PLAIN;
    else
        futex->owner_elsewhere = true;
}

bool pf_futex_is_left(struct pf_survey *survey, const struct pf_futex *futex)
{
    const struct pf_probe_thread *owner = pf_survey_thread_in_tree(survey, (pid_t)futex->owner_tid);
    return futex->owner_tid && owner && !pf_futex_reached_by(futex, owner->process);
}

static void settle(struct pf_survey *survey, struct pf_object *object)
{
    struct pf_futex *futex = object->futex;
    if (futex->owner_elsewhere || futex->kind == PF_FUTEX_PLAIN)
        return; /* shared memory: nothing is copied */
    const struct pf_probe_thread *living = pf_survey_thread_in_tree(survey, (pid_t)futex->owner_tid);
    const struct pf_probe_dead *dead = pf_survey_dead(survey, (pid_t)futex->owner_tid);
    if (living && (futex->process_only || pf_futex_reached_by(futex, living->process)))
        futex->owner = living->address;
    else if (dead &&
             (futex->shared || futex->process_only || is_of_process(dead->address, futex->processes[0])))
        futex->dead_owner = dead->address;
    else if (living || dead)
        settle_copy(survey, object);
    else {
        futex->kind = PF_FUTEX_PLAIN;
        pf_object_set_external(object, "its owner is not of the tree");
    }
}

void pf_futexes_settle(struct pf_survey *survey)
{
    for (size_t i = 0; i < survey->object_count; i++)
        if (survey->objects[i]->futex && survey->objects[i]->futex->owner_tid)
            settle(survey, survey->objects[i]);
}
