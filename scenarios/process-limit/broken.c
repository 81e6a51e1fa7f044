/*
 * Eight workers are started, and begin together once all are there.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 8

static int work(pthread_barrier_t *together, int part)
{
    pthread_barrier_wait(together);
    long sum = 0;
    for (long number = part; number < 1000; number += WORKERS)
        sum += number;
    printf("part %d: %ld\n", part, sum);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    pthread_barrier_t *together = mmap(NULL, sizeof(*together),
                                       PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (together == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(together, &shared, WORKERS);
    for (int part = 0; part < WORKERS; part++) {
        pid_t worker = fork();
        if (worker == 0)
            _exit(work(together, part));
        if (worker == -1) {
            perror("fork");
            return EXIT_FAILURE;
        }
    }
    while (wait(NULL) > 0)
        continue;
    return EXIT_SUCCESS;
}
