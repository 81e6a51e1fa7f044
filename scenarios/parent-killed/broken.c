/*
 * Workers take pictures out of a queue in shared memory and shrink them; each
 * has a helper of its own that packs what it made.
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define WORKERS  2
#define PICTURES 10

struct queues {
    sem_t pictures; /* to be shrunk */
    sem_t shrunk;   /* to be packed */
    sem_t packed;
};

static void pass_on(sem_t *from, sem_t *to)
{
    for (;;)
        if (sem_wait(from) == 0)
            sem_post(to);
}

static void work(struct queues *queues)
{
    pid_t packer = fork();
    if (packer == -1)
        _exit(EXIT_FAILURE);
    if (packer == 0)
        pass_on(&queues->shrunk, &queues->packed);
    else
        pass_on(&queues->pictures, &queues->shrunk);
}

static struct queues *make_queues(void)
{
    struct queues *queues = mmap(NULL, sizeof(*queues), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (queues == MAP_FAILED)
        return NULL;
    sem_init(&queues->pictures, 1, 0);
    sem_init(&queues->shrunk, 1, 0);
    sem_init(&queues->packed, 1, 0);
    return queues;
}

int main(void)
{
    struct queues *queues = make_queues();
    if (!queues) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    setpgid(0, 0);
    for (int i = 0; i < WORKERS; i++) {
        pid_t worker = fork();
        if (worker == 0)
            work(queues);
        if (worker == -1)
            perror("worker");
    }
    for (int i = 0; i < PICTURES; i++) {
        PITFALL_POINT("working");
        sem_post(&queues->pictures);
        while (sem_wait(&queues->packed) == -1)
            continue;
    }
    printf("%d pictures\n", PICTURES);
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM); /* the workers, and their helpers */
    while (wait(NULL) > 0)
        continue;
    return EXIT_SUCCESS;
}
