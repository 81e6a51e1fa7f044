/*
 * A nightly job runs with a helper beside it that prints the job's progress whenever it gets SIGUSR1.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS 1000

static void serve_progress(const int *progress)
{
    sigset_t requests;
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1);
    sigaddset(&requests, SIGTERM);
    sigprocmask(SIG_BLOCK, &requests, NULL);
    for (int request; sigwait(&requests, &request) == 0 && request != SIGTERM;)
        printf("step %d of %d\n", *progress, STEPS);
}

/* Starts the helper in the background, where it is in nobody's way. */
static int start_helper(const int *progress)
{
    pid_t child = fork();
    if (child == 0) {
        if (daemon(1, 1) == -1)
            _exit(EXIT_FAILURE);
        serve_progress(progress);
        _exit(EXIT_SUCCESS);
    }
    int status;
    return child != -1 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int main(void)
{
    int *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED || start_helper(progress) == -1) {
        perror("helper");
        return EXIT_FAILURE;
    }
    for (int step = 0; step < STEPS; step++)
        *progress = step + 1;
    printf("night's work done\n");
    return EXIT_SUCCESS;
}
