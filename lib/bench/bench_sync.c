/*
 * What is in <mproc/sync.h> and <mproc/shm.h> against what the C library and the kernel have: robust and
 * process-shared where there is such a thing.
 *
 * Both do the same work in turn, round after round, so that what the machine does at the time meets both.
 * Figures are operations per second, medians; the ratio of costs is the peer's figure to ours, where less is
 * better.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/shm.h>
#include <mproc/sync.h>

#include "measure/measure.h"

enum { ROUNDS = 7, BLOCK = 1 << 20 };

static const double run_seconds = 0.06;

/* What all the contenders use; the peers' part is in shared memory. */
static struct theirs {
    pthread_mutex_t mutex, recursive;
    pthread_rwlock_t rwlock;
    sem_t semaphore, there, back;
    pthread_barrier_t barrier;
} * theirs;

static struct mproc_mutex *mutex;
static struct mproc_rlock *rlock;
static struct mproc_rwlock *rwlock;
static struct mproc_semaphore *plain, *bounded, *there, *back;
static struct mproc_barrier *barrier;
static struct mproc_shm *block;
static char *bytes;
static int pipe_fds[2];

#define REPEAT(count, ours)                                                                                  \
    for (long repeat = 0; repeat < (count); repeat++)                                                        \
    require((ours), #ours)

static void our_mutex(long count)
{
    REPEAT(count, mproc_mutex_lock(mutex, MPROC_FOREVER) == 0 && mproc_mutex_unlock(mutex) == 0);
}

static void their_mutex(long count)
{
    REPEAT(count, pthread_mutex_lock(&theirs->mutex) == 0 && pthread_mutex_unlock(&theirs->mutex) == 0);
}

static void our_rlock(long count)
{
    REPEAT(count, mproc_rlock_lock(rlock, MPROC_FOREVER) == 0 && mproc_rlock_unlock(rlock) == 0);
}

static void their_rlock(long count)
{
    REPEAT(count,
           pthread_mutex_lock(&theirs->recursive) == 0 && pthread_mutex_unlock(&theirs->recursive) == 0);
}

static void our_reader(long count)
{
    REPEAT(count, mproc_rwlock_read(rwlock, MPROC_FOREVER) == 0 && mproc_rwlock_unlock(rwlock) == 0);
}

static void their_reader(long count)
{
    REPEAT(count, pthread_rwlock_rdlock(&theirs->rwlock) == 0 && pthread_rwlock_unlock(&theirs->rwlock) == 0);
}

static void our_writer(long count)
{
    REPEAT(count, mproc_rwlock_write(rwlock, MPROC_FOREVER) == 0 && mproc_rwlock_unlock(rwlock) == 0);
}

static void their_writer(long count)
{
    REPEAT(count, pthread_rwlock_wrlock(&theirs->rwlock) == 0 && pthread_rwlock_unlock(&theirs->rwlock) == 0);
}

static void our_plain(long count)
{
    REPEAT(count, mproc_semaphore_acquire(plain, MPROC_FOREVER) == 0 && mproc_semaphore_release(plain) == 0);
}

static void our_bounded(long count)
{
    REPEAT(count,
           mproc_semaphore_acquire(bounded, MPROC_FOREVER) == 0 && mproc_semaphore_release(bounded) == 0);
}

static void their_semaphore(long count)
{
    REPEAT(count, sem_wait(&theirs->semaphore) == 0 && sem_post(&theirs->semaphore) == 0);
}

/* Runs a function in a process of its own beside the other. */
static void beside(void (*other)(long), long count, void (*own)(long))
{
    pid_t pid = fork();

    require(pid >= 0, "fork");
    if (pid == 0) {
        other(count);
        _exit(0);
    }
    own(count);
    require(waitpid(pid, NULL, 0) == pid, "waitpid");
}

static void answer_ours(long count)
{
    REPEAT(count, mproc_semaphore_acquire(there, MPROC_FOREVER) == 0 && mproc_semaphore_release(back) == 0);
}

static void ask_ours(long count)
{
    REPEAT(count, mproc_semaphore_release(there) == 0 && mproc_semaphore_acquire(back, MPROC_FOREVER) == 0);
}

static void our_round_trip(long count)
{
    beside(answer_ours, count, ask_ours);
}

static void answer_theirs(long count)
{
    REPEAT(count, sem_wait(&theirs->there) == 0 && sem_post(&theirs->back) == 0);
}

static void ask_theirs(long count)
{
    REPEAT(count, sem_post(&theirs->there) == 0 && sem_wait(&theirs->back) == 0);
}

static void their_round_trip(long count)
{
    beside(answer_theirs, count, ask_theirs);
}

static void meet_ours(long count)
{
    REPEAT(count, mproc_barrier_wait(barrier, MPROC_FOREVER, NULL) == 0);
    require(mproc_barrier_leave(barrier) == 0, "leave");
}

static void our_barrier(long count)
{
    beside(meet_ours, count, meet_ours);
}

static void meet_theirs(long count)
{
    REPEAT(count, pthread_barrier_wait(&theirs->barrier) <= 0);
}

static void their_barrier(long count)
{
    beside(meet_theirs, count, meet_theirs);
}

/* A megabyte that another process is to see: here it attaches to the block and reads what was said in it. */
static void our_block(long count)
{
    for (long i = 0; i < count; i++) {
        struct mproc_shm *theirs_now;
        char *data;
        require(mproc_shm_attach(mproc_shm_fd(block), &theirs_now) == 0, "attach");
        require(mproc_shm_view(theirs_now, MPROC_SHM_BYTES, 1, &data, NULL) == 0 && data[0] == 'x', "view");
        mproc_shm_unref(theirs_now);
    }
}

static void write_pipe(long count)
{
    for (size_t left = (size_t)count * BLOCK; left > 0;) {
        ssize_t n = write(pipe_fds[1], bytes, left < BLOCK ? left : BLOCK);
        require(n > 0, "write");
        left -= (size_t)n;
    }
}

static void read_pipe(long count)
{
    static char buffer[BLOCK];

    for (size_t left = (size_t)count * BLOCK; left > 0;) {
        ssize_t n = read(pipe_fds[0], buffer, left < BLOCK ? left : BLOCK);
        require(n > 0, "read");
        left -= (size_t)n;
    }
}

static void their_block(long count)
{
    beside(write_pipe, count, read_pipe);
}

static const struct contest {
    const char *what, *peer;
    void (*ours)(long), (*theirs)(long);
} contests[] = {
    {"mutex: lock + unlock", "pthread robust", our_mutex, their_mutex},
    {"rlock: lock + unlock", "pthread robust", our_rlock, their_rlock},
    {"rwlock: read + unlock", "pthread", our_reader, their_reader},
    {"rwlock: write + unlock", "pthread", our_writer, their_writer},
    {"semaphore: acquire + release", "sem_t", our_plain, their_semaphore},
    {"bounded: acquire + release", "sem_t", our_bounded, their_semaphore},
    {"semaphore: round trip", "sem_t", our_round_trip, their_round_trip},
    {"barrier of 2: wait", "pthread", our_barrier, their_barrier},
    {"1 MiB: block by handle", "through a pipe", our_block, their_block},
};

static double rate(void (*work)(long), long count)
{
    uint64_t start_ns = mproc_clock_ns();

    work(count);
    return (double)count * 1e9 / (double)(mproc_clock_ns() - start_ns);
}

/* How many operations take about run_seconds. */
static long calibrate(void (*work)(long))
{
    for (long count = 16;; count *= 4) {
        double figure = rate(work, count);
        if ((double)count / figure > run_seconds / 3)
            return 1 + (long)(figure * run_seconds);
    }
}

static void run_contest(const struct contest *contest)
{
    double figures[3][ROUNDS];
    long counts[2] = {calibrate(contest->ours), calibrate(contest->theirs)};

    for (int round = 0; round < ROUNDS; round++) {
        figures[0][round] = rate(contest->ours, counts[0]);
        figures[1][round] = rate(contest->theirs, counts[1]);
        figures[2][round] = figures[1][round] / figures[0][round];
    }
    printf("%-30s %-15s %12.0f %12.0f %8.2f\n", contest->what, contest->peer, median(figures[0], ROUNDS),
           median(figures[1], ROUNDS), median(figures[2], ROUNDS));
    fflush(stdout);
}

static void set_up_ours(void)
{
    const struct mproc_semaphore_options one = {.units = 1}, none = {.units = 0};
    const struct mproc_semaphore_options four = {.units = 4, .bounded = true};

    require(mproc_mutex_create(&mutex) == 0 && mproc_rlock_create(&rlock) == 0 &&
                mproc_rwlock_create(&rwlock) == 0 && mproc_semaphore_create(&one, &plain) == 0 &&
                mproc_semaphore_create(&four, &bounded) == 0 && mproc_semaphore_create(&none, &there) == 0 &&
                mproc_semaphore_create(&none, &back) == 0 && mproc_barrier_create(2, &barrier) == 0 &&
                mproc_shm_create(&(struct mproc_shm_options){.count = BLOCK}, &block) == 0 &&
                mproc_shm_view(block, MPROC_SHM_BYTES, 1, &bytes, NULL) == 0,
            "ours");
    bytes[0] = 'x';
}

static void set_up_theirs(void)
{
    pthread_mutexattr_t mutex_attr;
    pthread_rwlockattr_t rwlock_attr;
    pthread_barrierattr_t barrier_attr;

    theirs = mmap(NULL, sizeof(*theirs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(theirs != MAP_FAILED, "mmap");
    pthread_mutexattr_init(&mutex_attr);
    pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&mutex_attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&theirs->mutex, &mutex_attr);
    pthread_mutexattr_settype(&mutex_attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&theirs->recursive, &mutex_attr);
    pthread_rwlockattr_init(&rwlock_attr);
    pthread_rwlockattr_setpshared(&rwlock_attr, PTHREAD_PROCESS_SHARED);
    pthread_rwlock_init(&theirs->rwlock, &rwlock_attr);
    pthread_barrierattr_init(&barrier_attr);
    pthread_barrierattr_setpshared(&barrier_attr, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&theirs->barrier, &barrier_attr, 2);
    sem_init(&theirs->semaphore, 1, 1);
    sem_init(&theirs->there, 1, 0);
    sem_init(&theirs->back, 1, 0);
    require(pipe2(pipe_fds, O_CLOEXEC) == 0 && fcntl(pipe_fds[1], F_SETPIPE_SZ, BLOCK) >= 0, "pipe");
}

int main(void)
{
    set_up_ours();
    set_up_theirs();
    printf("%-30s %-15s %12s %12s %8s   (operations per second, medians of %d; ratio of costs)\n", "what",
           "peer", "ours", "peer's", "ratio", ROUNDS);
    for (size_t i = 0; i < sizeof(contests) / sizeof(contests[0]); i++)
        run_contest(&contests[i]);
    return 0;
}
