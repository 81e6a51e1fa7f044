#include "robust.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "error_internal.h"
#include "wait.h"

/* What a thread knows of itself. A child of fork() inherits its parent's copy and must not use it: `epoch`
 * then differs from the page below, which the kernel wipes in every child, also of a bare clone(). */
struct self {
    uint64_t epoch;
    uint32_t tid;
    uint32_t pid;
    struct robust_list_head *list;
};

/* For a thread that has no list at all because it was not made by libc. */
struct own_list {
    void *prev; /* as in struct mproc_robust_node: dequeuing writes it through the first node */
    struct robust_list_head head;
};

static _Thread_local struct self self;
static _Thread_local struct own_list own_list;

static pthread_once_t epoch_once = PTHREAD_ONCE_INIT;
static _Atomic uint64_t *epoch_page; /* 0 in a process that has not begun an epoch of its own */
static _Atomic uint64_t last_epoch;

static void map_epoch_page(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return;
    }
    epoch_page = page;
}

static int learn_self(void)
{
    struct robust_list_head *list;
    size_t size;

    pthread_once(&epoch_once, map_epoch_page);
    if (!epoch_page)
        return mproc_fail(-ENOTSUP,
                          "robust locks need a page that fork() wipes (MADV_WIPEONFORK, Linux 4.14)");
    if (syscall(SYS_get_robust_list, 0, &list, &size) != 0)
        return mproc_fail(-ENOTSUP, "the kernel has no robust futexes (get_robust_list, errno %d)", errno);
    if (!list) {
        list = &own_list.head;
        own_list.head = (struct robust_list_head){.list.next = &own_list.head.list,
                                                  .futex_offset = -MPROC_ROBUST_WORD_TO_NEXT};
        if (syscall(SYS_set_robust_list, list, sizeof(*list)) != 0)
            return mproc_fail(-ENOTSUP, "the kernel takes no list of robust futexes (errno %d)", errno);
    }
    if (list->futex_offset != -MPROC_ROBUST_WORD_TO_NEXT)
        return mproc_fail(-ENOTSUP, "this C library lays robust mutexes out differently (offset %ld, not %d)",
                          list->futex_offset, -MPROC_ROBUST_WORD_TO_NEXT);

    uint64_t epoch = 0;
    uint64_t fresh = atomic_fetch_add(&last_epoch, 1) + 1;
    if (!atomic_compare_exchange_strong(epoch_page, &epoch, fresh))
        fresh = epoch;
    self = (struct self){.epoch = fresh, .tid = (uint32_t)gettid(), .pid = (uint32_t)getpid(), .list = list};
    return 0;
}

static inline int know_self(void)
{
    if (self.epoch != 0 && atomic_load_explicit(epoch_page, memory_order_relaxed) == self.epoch)
        return 0;
    return learn_self();
}

int mproc_robust_available(void)
{
    return know_self();
}

void mproc_robust_who(uint32_t *ret_pid, uint32_t *ret_tid)
{
    bool is_known = know_self() == 0;

    *ret_pid = is_known ? self.pid : (uint32_t)getpid();
    *ret_tid = is_known ? self.tid : (uint32_t)gettid();
}

static struct mproc_robust_node *node_of(const mproc_robust_word *word)
{
    return (struct mproc_robust_node *)((uintptr_t)word + MPROC_ROBUST_WORD_TO_NODE);
}

/* The list points to the `next` of a node, not to the node. */
static struct mproc_robust_node *node_at(void *next)
{
    return (struct mproc_robust_node *)(((uintptr_t)next & ~(uintptr_t)1) -
                                        offsetof(struct mproc_robust_node, next));
}

/* Only the kernel reads the list beside us, and only when this thread is dead: the order of the instructions
 * is all that counts, not what other processors see. */
static inline void order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void announce(struct mproc_robust_node *node)
{
    self.list->list_op_pending = (struct robust_list *)&node->next;
    order();
}

static inline void announce_nothing(void)
{
    order();
    self.list->list_op_pending = NULL;
}

static inline void enqueue(struct mproc_robust_node *node)
{
    struct robust_list_head *list = self.list;

    node->next = list->list.next;
    node->prev = list;
    node_at(list->list.next)->prev = &node->next;
    order();
    list->list.next = (struct robust_list *)&node->next;
}

static inline void dequeue(struct mproc_robust_node *node)
{
    node_at(node->next)->prev = node->prev;
    node_at(node->prev)->next = node->next;
    order();
    node->prev = NULL;
    node->next = NULL;
}

/* Takes the lock when nobody has it. Keeps the marks: sleepers stay known, a death stays reported. */
static bool try_acquire(mproc_robust_word *word, uint32_t *ret_seen)
{
    uint32_t seen = 0;

    while ((seen & FUTEX_TID_MASK) == 0) {
        if (__atomic_compare_exchange_n(word, &seen, seen | self.tid, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            *ret_seen = seen;
            return true;
        }
    }
    *ret_seen = seen;
    return false;
}

static int acquire_slowly(mproc_robust_word *word, uint64_t deadline_ns, uint32_t *ret_seen)
{
    uint32_t seen = *ret_seen;

    for (;;) {
        if ((seen & FUTEX_TID_MASK) == self.tid)
            return -EDEADLK;
        if (deadline_ns == MPROC_NOW)
            return -EAGAIN;
        if ((seen & FUTEX_WAITERS) || __atomic_compare_exchange_n(word, &seen, seen | FUTEX_WAITERS, false,
                                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            struct mproc_wait_word freed = {word, seen | FUTEX_WAITERS};
            int err = mproc_wait_nap(&freed, 1, deadline_ns);
            if (err)
                return err;
        }
        if (try_acquire(word, &seen)) {
            *ret_seen = seen;
            return 0;
        }
    }
}

int mproc_robust_lock(mproc_robust_word *word, uint64_t deadline_ns)
{
    struct mproc_robust_node *node = node_of(word);
    uint32_t seen;
    int err = know_self();

    if (err)
        return err;
    /* Announced while asleep too: a wake-up that is given to a dying waiter goes on to the next one. */
    announce(node);
    if (!try_acquire(word, &seen)) {
        err = acquire_slowly(word, deadline_ns, &seen);
        if (err) {
            announce_nothing();
            return err;
        }
    }
    enqueue(node);
    announce_nothing();
    return (seen & FUTEX_OWNER_DIED) ? -EOWNERDEAD : 0;
}

/* Frees the word and wakes everybody in one step, so that nobody can die in between. All of them, because
 * then none sleeps while the lock is free, whatever happens to the one that would have been chosen. */
static void release_and_wake(mproc_robust_word *word, uint32_t died)
{
    /* Set the word to 1 << 30, which is FUTEX_OWNER_DIED, or to 0. */
    unsigned keep = FUTEX_OP(((unsigned)FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT), 30, FUTEX_OP_CMP_EQ, 0);
    unsigned clear = FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0);

    if (mproc_wake_op(word, died ? keep : clear))
        return;
    /* A filter forbids the call: the lock must be released all the same. */
    __atomic_store_n(word, died, __ATOMIC_RELEASE);
    mproc_wake(word);
}

static int release(mproc_robust_word *word, uint32_t mark)
{
    struct mproc_robust_node *node = node_of(word);
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
    int err = know_self();

    if (err)
        return err;
    if ((seen & FUTEX_TID_MASK) != self.tid || !node->next)
        return -EPERM;
    announce(node);
    dequeue(node);
    while (!(seen & FUTEX_WAITERS)) {
        if (__atomic_compare_exchange_n(word, &seen, (seen & FUTEX_OWNER_DIED) | mark, false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            break;
    }
    if (seen & FUTEX_WAITERS)
        release_and_wake(word, (seen & FUTEX_OWNER_DIED) | mark);
    announce_nothing();
    return 0;
}

int mproc_robust_unlock(mproc_robust_word *word)
{
    return release(word, 0);
}

int mproc_robust_abandon(mproc_robust_word *word)
{
    return release(word, FUTEX_OWNER_DIED);
}

int mproc_robust_repaired(mproc_robust_word *word)
{
    int err = know_self();

    if (err)
        return err;
    if (mproc_robust_owner(word) != self.tid)
        return -EPERM;
    __atomic_fetch_and(word, ~(uint32_t)FUTEX_OWNER_DIED, __ATOMIC_RELAXED);
    return 0;
}

uint32_t mproc_robust_owner(const mproc_robust_word *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED) & FUTEX_TID_MASK;
}

bool mproc_robust_is_mine(const mproc_robust_word *word)
{
    return know_self() == 0 && mproc_robust_owner(word) == self.tid;
}

bool mproc_robust_held_here(const mproc_robust_word *word)
{
    /* A thread that died has left its node as it was, and nobody will look at it again. */
    return mproc_robust_owner(word) != 0 && node_of(word)->next != NULL;
}
