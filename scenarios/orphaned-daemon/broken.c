/*
 * A nightly job runs with a helper beside it that says that all is well
 * whenever it gets SIGUSR1.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int serve(void)
{
    sigset_t requests;
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1);
    sigaddset(&requests, SIGTERM);
    sigprocmask(SIG_BLOCK, &requests, NULL);
    for (int request; sigwait(&requests, &request) == 0 && request != SIGTERM;)
        dprintf(STDOUT_FILENO, "still at work\n");
    return EXIT_SUCCESS;
}

/* Starts the helper in the background, where it is in nobody's way. */
static int start_helper(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (daemon(1, 1) == -1)
            _exit(EXIT_FAILURE);
        _exit(serve());
    }
    int status;
    return child != -1 && waitpid(child, &status, 0) == child && status == 0
               ? 0
               : -1;
}

int main(void)
{
    if (start_helper() == -1) {
        fprintf(stderr, "no helper\n");
        return EXIT_FAILURE;
    }
    long total = 0;
    for (long step = 0; step < 1000; step++)
        total += step * step;
    printf("night's work done: %ld\n", total);
    return EXIT_SUCCESS;
}
