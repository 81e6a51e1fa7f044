/*
 * A program has a worker that reads from a device. On Ctrl-C it asks the worker
 * to stop, and waits for it.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

/* A few words at the beginning, and then the device is silent. */
static int read_device(int device, atomic_bool *stop)
{
    char word[8];
    while (!atomic_load(stop)) {
        PITFALL_POINT("working");
        if (read(device, word, sizeof(word)) <= 0)
            break;
        printf("%.8s\n", word);
    }
    return EXIT_SUCCESS;
}

int main(void)
{
    sigset_t blocked, before;
    int device[2];
    atomic_bool *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stop == MAP_FAILED || pipe(device) == -1)
        return EXIT_FAILURE;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    pid_t worker = fork();
    if (worker == 0) {
        signal(SIGINT, SIG_IGN); /* the parent says when to stop */
        _exit(read_device(device[0], stop));
    }
    while (!interrupted)
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    fprintf(stderr, "stopping: waiting for the worker\n");
    atomic_store(stop, true);
    PITFALL_POINT("stopping");
    waitpid(worker, NULL, 0);
    fprintf(stderr, "stopped\n");
    return EXIT_SUCCESS;
}
