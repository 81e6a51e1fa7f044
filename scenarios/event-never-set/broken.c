/*
 * A loader reads tables in a process of its own, and says with an event that
 * they are there.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

struct event {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool set;
};

static void event_init(struct event *event)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&mutex);
    pthread_condattr_init(&condition);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&event->lock, &mutex);
    pthread_cond_init(&event->changed, &condition);
}

static void event_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->set = true;
    pthread_cond_broadcast(&event->changed);
    pthread_mutex_unlock(&event->lock);
}

static void event_wait(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    while (!event->set)
        pthread_cond_wait(&event->changed, &event->lock);
    pthread_mutex_unlock(&event->lock);
}

static int load(struct event *loaded)
{
    printf("tables loaded\n");
    PITFALL_POINT("before-set");
    event_set(loaded);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    struct event *loaded = mmap(NULL, sizeof(*loaded), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (loaded == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    event_init(loaded);
    pid_t loader = fork();
    if (loader == -1) {
        perror("fork");
        return EXIT_FAILURE;
    }
    if (loader == 0)
        _exit(load(loaded));
    event_wait(loaded);
    printf("serving\n");
    waitpid(loader, NULL, 0);
    return EXIT_SUCCESS;
}
