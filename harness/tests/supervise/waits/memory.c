/* Words in memory: bare futexes, and what the C library builds from them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds.h"

struct words {
    uint32_t word, pi;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    pthread_rwlock_t rwlock;
    pthread_barrier_t barrier;
    sem_t semaphore;
    int told;
};

static struct words *words;
static struct words own_words;
static sem_t *named;

static void use_own(void)
{
    words = &own_words;
}

static void use_shared(void)
{
    words = mmap(NULL, sizeof(*words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(words != MAP_FAILED);
}

static void use_named(void)
{
    int fd = shm_open("/words", O_CREAT | O_RDWR, 0600);
    NEED(fd >= 0 && ftruncate(fd, sizeof(*words)) == 0);
    words = mmap(NULL, sizeof(*words), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(words != MAP_FAILED);
}

static void use_segment(void)
{
    int id = shmget(0x7069, sizeof(*words), IPC_CREAT | 0600);
    words = shmat(id, NULL, 0);
    NEED(words != (void *)-1);
}

static long futex(uint32_t *word, int operation, uint32_t value, void *third, uint32_t *second, uint32_t last)
{
    return syscall(SYS_futex, word, operation, value, third, second, last);
}

static void await_word(void)
{
    while (__atomic_load_n(&words->word, __ATOMIC_SEQ_CST) == 0)
        futex(&words->word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void await_word_privately(void)
{
    while (__atomic_load_n(&words->word, __ATOMIC_SEQ_CST) == 0)
        futex(&words->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void await_bits(void)
{
    while (__atomic_load_n(&words->word, __ATOMIC_SEQ_CST) == 0)
        futex(&words->word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 6);
}

static void await_several(void)
{
    struct futex_waitv list[2] = {
        {.uaddr = (uintptr_t)&words->word, .flags = FUTEX_32},
        {.uaddr = (uintptr_t)&words->pi, .flags = FUTEX_32},
    };
    while (__atomic_load_n(&words->word, __ATOMIC_SEQ_CST) == 0)
        syscall(SYS_futex_waitv, list, 2, 0, NULL, 0);
}

static void await_requeue(void)
{
    NEED(futex(&words->word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &words->pi, 0) == 0);
}

static void requeue(void)
{
    /* value: how many to wake; third: how many to requeue; last: what the word must be */
    NEED(futex(&words->word, FUTEX_CMP_REQUEUE_PI, 1, NULL, &words->pi, 0) >= 0);
}

static void set_word(void)
{
    __atomic_store_n(&words->word, 1, __ATOMIC_SEQ_CST);
    futex(&words->word, FUTEX_WAKE, 1, NULL, NULL, 0);
    futex(&words->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void make_mutex(int type, bool shared, bool robust, bool inherits)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    NEED(pthread_mutexattr_settype(&attributes, type) == 0);
    pthread_mutexattr_setpshared(&attributes, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    pthread_mutexattr_setrobust(&attributes, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
    pthread_mutexattr_setprotocol(&attributes, inherits ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
    (shared ? use_shared : use_own)();
    NEED(pthread_mutex_init(&words->mutex, &attributes) == 0);
}

static void make_normal_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_NORMAL, false, false, false);
}

static void make_recursive_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_RECURSIVE, false, false, false);
}

static void make_checking_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_ERRORCHECK, false, false, false);
}

static void make_adaptive_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_ADAPTIVE_NP, false, false, false);
}

static void make_shared_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_NORMAL, true, false, false);
}

static void make_robust_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_NORMAL, true, true, false);
}

static void make_pi_mutex(void)
{
    make_mutex(PTHREAD_MUTEX_NORMAL, true, false, true);
}

static void lock(void)
{
    NEED(pthread_mutex_lock(&words->mutex) == 0);
}

static void unlock(void)
{
    NEED(pthread_mutex_unlock(&words->mutex) == 0);
}

static void make_condition(bool shared)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setpshared(&attributes, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    make_mutex(PTHREAD_MUTEX_NORMAL, shared, false, false);
    NEED(pthread_cond_init(&words->condition, &attributes) == 0);
}

static void make_own_condition(void)
{
    make_condition(false);
}

static void make_shared_condition(void)
{
    make_condition(true);
}

static void await_condition(void)
{
    lock();
    while (!words->told)
        pthread_cond_wait(&words->condition, &words->mutex);
    unlock();
}

static void signal_condition(void)
{
    lock();
    words->told = 1;
    pthread_cond_signal(&words->condition);
    unlock();
}

static void make_barrier(bool shared)
{
    pthread_barrierattr_t attributes;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    (shared ? use_shared : use_own)();
    NEED(pthread_barrier_init(&words->barrier, &attributes, 2) == 0);
}

static void make_own_barrier(void)
{
    make_barrier(false);
}

static void make_shared_barrier(void)
{
    make_barrier(true);
}

static void meet(void)
{
    pthread_barrier_wait(&words->barrier);
}

static void make_rwlock(bool shared)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setpshared(&attributes, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    (shared ? use_shared : use_own)();
    NEED(pthread_rwlock_init(&words->rwlock, &attributes) == 0);
}

static void make_own_rwlock(void)
{
    make_rwlock(false);
}

static void make_shared_rwlock(void)
{
    make_rwlock(true);
}

static void lock_to_read(void)
{
    NEED(pthread_rwlock_rdlock(&words->rwlock) == 0);
}

static void lock_to_write(void)
{
    NEED(pthread_rwlock_wrlock(&words->rwlock) == 0);
}

static void unlock_rwlock(void)
{
    NEED(pthread_rwlock_unlock(&words->rwlock) == 0);
}

static void make_own_semaphore(void)
{
    use_own();
    NEED(sem_init(&words->semaphore, 0, 0) == 0);
}

static void make_shared_semaphore(void)
{
    use_shared();
    NEED(sem_init(&words->semaphore, 1, 0) == 0);
}

static void await_semaphore(void)
{
    NEED(sem_wait(&words->semaphore) == 0);
}

static void post(void)
{
    NEED(sem_post(&words->semaphore) == 0);
}

static void make_named_semaphore(void)
{
    NEED((named = sem_open("/named", O_CREAT, 0600, 0)) != SEM_FAILED);
}

static void await_named(void)
{
    NEED(sem_wait(named) == 0);
}

/* As a process does that has not opened it yet. */
static void post_by_name(void)
{
    sem_t *again = sem_open("/named", 0);
    NEED(again != SEM_FAILED && sem_post(again) == 0);
}

static void close_named(void)
{
    NEED(sem_close(named) == 0);
}

/* Nobody but a handler posts; nobody in the tree but the partner would send the signal. */
static int handled;

static void post_on_signal(int number)
{
    (void)number;
    sem_post(&words->semaphore);
}

static void make_handled_semaphore(int number)
{
    make_own_semaphore();
    handled = number;
    NEED(signal(number, post_on_signal) != SIG_ERR);
}

static void handle_real_time(void)
{
    make_handled_semaphore(SIGRTMIN + 1);
}

static void handle_input(void)
{
    make_handled_semaphore(SIGIO);
}

static void handle_interrupt(void)
{
    make_handled_semaphore(SIGINT);
}

static void await_handler(void)
{
    while (sem_wait(&words->semaphore) != 0)
        NEED(errno == EINTR);
}

static void run_handler(void)
{
    kill(getppid(), handled);
}

extern pthread_t partner_thread;

static void join(void)
{
    NEED(pthread_join(partner_thread, NULL) == 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t released, begun;

static void initialise(void)
{
    __atomic_store_n(&begun, 1, __ATOMIC_SEQ_CST);
    futex(&begun, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    while (__atomic_load_n(&released, __ATOMIC_SEQ_CST) == 0)
        futex(&released, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *run_once(void *unused)
{
    pthread_once(&once, initialise);
    return unused;
}

/* A third thread is in the initialisation, and waits for the partner as well. */
static void begin_once(void)
{
    pthread_t third;
    NEED(pthread_create(&third, NULL, run_once, NULL) == 0);
    while (__atomic_load_n(&begun, __ATOMIC_SEQ_CST) == 0)
        futex(&begun, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void await_once(void)
{
    pthread_once(&once, initialise);
}

static void finish_once(void)
{
    __atomic_store_n(&released, 1, __ATOMIC_SEQ_CST);
    futex(&released, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static const struct kind kinds[] = {
    KIND("futex-private", "futex", use_own, NULL, await_word_privately, set_word, .thread = true),
    KIND("futex-private-shared", "futex", use_shared, NULL, await_word_privately, set_word, .thread = true),
    KIND("futex-shared", "futex", use_shared, NULL, await_word, set_word),
    KIND("futex-bitset", "futex", use_shared, NULL, await_bits, set_word),
    KIND("futex-waitv", "futex_waitv", use_shared, NULL, await_several, set_word),
    KIND("futex-requeue-pi", "futex", use_shared, NULL, await_requeue, requeue),
    KIND("futex-named", "futex", use_named, NULL, await_word, set_word),
    KIND("futex-segment", "futex", use_segment, NULL, await_word, set_word),
    KIND("mutex", "futex", make_normal_mutex, lock, lock, unlock, .thread = true),
    KIND("mutex-recursive", "futex", make_recursive_mutex, lock, lock, unlock, .thread = true),
    KIND("mutex-errorcheck", "futex", make_checking_mutex, lock, lock, unlock, .thread = true),
    KIND("mutex-adaptive", "futex", make_adaptive_mutex, lock, lock, unlock, .thread = true),
    KIND("mutex-shared", "futex", make_shared_mutex, lock, lock, unlock),
    KIND("mutex-robust", "futex", make_robust_mutex, lock, lock, unlock),
    KIND("mutex-pi", "futex", make_pi_mutex, lock, lock, unlock),
    KIND("condition", "futex", make_own_condition, NULL, await_condition, signal_condition, .thread = true),
    KIND("condition-shared", "futex", make_shared_condition, NULL, await_condition, signal_condition),
    KIND("barrier", "futex", make_own_barrier, NULL, meet, meet, .thread = true),
    KIND("barrier-cousin", "futex", make_own_barrier, NULL, meet, meet, .cousin = true),
    KIND("futex-private-cousin", "futex", use_own, NULL, await_word_privately, set_word, .cousin = true),
    KIND("barrier-shared", "futex", make_shared_barrier, NULL, meet, meet),
    KIND("rwlock-read", "futex", make_own_rwlock, lock_to_write, lock_to_read, unlock_rwlock, .thread = true),
    KIND("rwlock-write", "futex", make_own_rwlock, lock_to_read, lock_to_write, unlock_rwlock,
         .thread = true),
    KIND("rwlock-writers", "futex", make_own_rwlock, lock_to_write, lock_to_write, unlock_rwlock,
         .thread = true),
    KIND("rwlock-shared", "futex", make_shared_rwlock, lock_to_write, lock_to_read, unlock_rwlock),
    KIND("rwlock-shared-read", "futex", make_shared_rwlock, lock_to_read, lock_to_write, unlock_rwlock),
    KIND("semaphore", "futex", make_own_semaphore, NULL, await_semaphore, post, .thread = true),
    KIND("semaphore-shared", "futex", make_shared_semaphore, NULL, await_semaphore, post),
    KIND("semaphore-named", "futex", make_named_semaphore, close_named, await_named, post_by_name),
    KIND("semaphore-real-time", "futex", handle_real_time, NULL, await_handler, run_handler, .claim = NEVER),
    KIND("semaphore-input", "futex", handle_input, NULL, await_handler, run_handler, .claim = NEVER),
    KIND("semaphore-interrupt", "futex", handle_interrupt, NULL, await_handler, run_handler, .claim = NEVER),
    KIND("join", "futex", NULL, NULL, join, NULL, .thread = true),
    KIND("once", "futex", begin_once, NULL, await_once, finish_once, .thread = true),
};
const struct kinds memory_kinds = KINDS(kinds);
