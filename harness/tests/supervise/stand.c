/*
 * stand.c - a program that comes to a stop for good: `stand THREADS [PROCESSES]`, for timing verdicts.
 *
 * In each process a third of the threads waits for a lock that its main thread holds, a third for a
 * condition, and a third for data in a pipe that all have open.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, own = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int ends[2];

static void *stand(void *number)
{
    char byte;
    switch ((size_t)number % 3) {
    case 0:
        pthread_mutex_lock(&held);
        break;
    case 1:
        pthread_mutex_lock(&own);
        for (;;)
            pthread_cond_wait(&never, &own);
    default:
        if (read(ends[0], &byte, 1) < 0)
            exit(1);
    }
    return NULL;
}

static int stand_together(size_t threads)
{
    pthread_t thread;
    pthread_mutex_lock(&held);
    for (size_t i = 1; i < threads; i++)
        if (pthread_create(&thread, NULL, stand, (void *)i))
            return 1;
    stand((void *)2);
    return 1;
}

int main(int argc, char **argv)
{
    size_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    size_t processes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    if (processes == 0 || threads < processes || pipe(ends))
        return 64;
    for (size_t i = 1; i < processes; i++)
        if (fork() == 0)
            return stand_together(threads / processes);
    return stand_together(threads / processes);
}
