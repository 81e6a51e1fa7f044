/*
 * A pool of workers squares numbers. Tasks and results lie in memory that all
 * of them share.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORKERS 3
#define TASKS   100

struct pool {
    sem_t waiting;     /* tasks that nobody has taken yet */
    sem_t done;        /* results that nobody has asked for yet */
    atomic_uint taken; /* so many tasks were taken */
    long tasks[TASKS], results[TASKS];
};

static _Noreturn void work(struct pool *pool)
{
    for (;;) {
        sem_wait(&pool->waiting);
        unsigned task = atomic_fetch_add(&pool->taken, 1);
        pool->results[task] = pool->tasks[task] * pool->tasks[task];
        sem_post(&pool->done);
    }
}

static struct pool *pool_open(void)
{
    struct pool *pool = mmap(NULL, sizeof(*pool), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pool == MAP_FAILED)
        return NULL;
    sem_init(&pool->waiting, 1, 0);
    sem_init(&pool->done, 1, 0);
    for (int i = 0; i < WORKERS; i++) {
        pid_t worker = fork();
        if (worker == 0)
            work(pool);
        if (worker == -1)
            perror("worker");
    }
    return pool;
}

static void pool_map(struct pool *pool)
{
    for (int i = 0; i < TASKS; i++)
        sem_post(&pool->waiting);
    for (int i = 0; i < TASKS; i++)
        sem_wait(&pool->done);
}

int main(void)
{
    struct pool *pool = pool_open();
    if (!pool) {
        perror("pool");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < TASKS; i++)
        pool->tasks[i] = i;
    pool_map(pool);
    long sum = 0;
    for (int i = 0; i < TASKS; i++)
        sum += pool->results[i];
    printf("sum %ld\n", sum);
    return EXIT_SUCCESS;
}
