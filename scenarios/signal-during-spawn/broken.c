/*
 * A server starts workers, which take requests out of a queue in shared memory.
 * On SIGTERM it ends them all, and then itself.
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define WORKERS 4

static pid_t workers[WORKERS];
static volatile sig_atomic_t started;

static void end_all(int signo)
{
    for (int i = 0; i < started; i++)
        kill(workers[i], SIGTERM);
    while (started > 0)
        waitpid(workers[--started], NULL, 0);
    _exit(128 + signo);
}

static void work(sem_t *requests)
{
    for (;;)
        if (sem_wait(requests) == 0)
            printf("a request\n");
}

static int start_worker(sem_t *requests)
{
    pid_t pid = fork();
    if (pid == -1)
        return -1;
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        work(requests);
    }
    PITFALL_POINT("forked");
    workers[started] = pid;
    started++;
    return 0;
}

int main(void)
{
    sem_t *requests = mmap(NULL, sizeof(*requests), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (requests == MAP_FAILED || sem_init(requests, 1, 0) == -1)
        return EXIT_FAILURE;
    signal(SIGTERM, end_all);
    for (int i = 0; i < WORKERS; i++)
        if (start_worker(requests) == -1) {
            perror("worker");
            raise(SIGTERM);
        }
    for (;;)
        pause();
}
