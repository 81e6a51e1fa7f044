/*
 * A producer puts measurements into a ring in shared memory; its parent takes
 * them out and adds them up.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define MEASUREMENTS 100
#define ROOM         128

struct ring {
    atomic_int put, taken;
    atomic_bool done;
    int values[ROOM];
};

static int produce(struct ring *ring)
{
    for (int i = 0; i < MEASUREMENTS; i++) {
        PITFALL_POINT("before-put");
        ring->values[i % ROOM] = i;
        atomic_fetch_add(&ring->put, 1);
    }
    atomic_store(&ring->done, true);
    return EXIT_SUCCESS;
}

static long consume(struct ring *ring)
{
    long sum = 0;
    while (!atomic_load(&ring->done) ||
           atomic_load(&ring->taken) < atomic_load(&ring->put)) {
        if (atomic_load(&ring->taken) == atomic_load(&ring->put)) {
            usleep(10000); /* nothing there yet: look again in a moment */
            continue;
        }
        sum += ring->values[atomic_fetch_add(&ring->taken, 1) % ROOM];
    }
    return sum;
}

int main(void)
{
    struct ring *ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    pid_t producer = fork();
    if (producer == -1) {
        perror("fork");
        return EXIT_FAILURE;
    }
    if (producer == 0)
        _exit(produce(ring));
    printf("sum %ld\n", consume(ring));
    int status;
    waitpid(producer, &status, 0);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
