/* The queue that everybody writes first: a mutex and two conditions in shared memory. Who dies holding the
 * mutex takes the queue with it. */
#include <pthread.h>
#include <sys/mman.h>

#include "survivors.h"

enum { ROOM = 4 };

static struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    unsigned put, got;
    char messages[ROOM][SIZE];
} * queue;

static void make_queue(void)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;

    queue = mmap(NULL, sizeof(*queue), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (queue == MAP_FAILED)
        _exit(9);
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&queue->lock, &mutex);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&queue->filled, &condition);
    pthread_cond_init(&queue->emptied, &condition);
}

static void __attribute__((noinline)) put_message(const char *message)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->put - queue->got == ROOM)
        pthread_cond_wait(&queue->emptied, &queue->lock);
    memcpy(queue->messages[queue->put++ % ROOM], message, SIZE);
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

static void __attribute__((noinline)) get_message(char *ret_message)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->put == queue->got)
        pthread_cond_wait(&queue->filled, &queue->lock);
    memcpy(ret_message, queue->messages[queue->got++ % ROOM], SIZE);
    pthread_cond_signal(&queue->emptied);
    pthread_mutex_unlock(&queue->lock);
}
