/* four_threads - four threads begin at once; the n-th of them writes n + 1 times to a file and takes a lock
 * each time. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

enum { THREADS = 4 };

static pthread_barrier_t begin;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int total;

static void *work(void *argument)
{
    intptr_t number = (intptr_t)argument, failed = 0;
    char name[] = "file-0";
    name[5] = (char)('0' + number);
    pthread_barrier_wait(&begin);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (intptr_t i = 0; i <= number; i++) {
        failed += write(fd, "x\n", 2) != 2;
        pthread_mutex_lock(&lock);
        total++;
        pthread_mutex_unlock(&lock);
    }
    failed += fsync(fd) != 0;
    failed += close(fd) != 0;
    return (void *)failed;
}

int main(void)
{
    pthread_t threads[THREADS];
    intptr_t failed = 0;
    pthread_barrier_init(&begin, NULL, THREADS);
    for (intptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)) != 0)
            _exit(1); /* the others wait at the barrier for ever */
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failed += (intptr_t)result;
    }
    return failed || total != 14;
}
