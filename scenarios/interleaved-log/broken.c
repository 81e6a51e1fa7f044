/*
 * Two workers write to one log: who they are, and what they have done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define WORKERS 2
#define JOBS    3

static void log_record(int worker, int job)
{
    dprintf(STDOUT_FILENO, "worker %d: ", worker);
    PITFALL_POINT("mid-record");
    dprintf(STDOUT_FILENO, "job %d is done\n", job);
}

static int work(int worker)
{
    PITFALL_POINT("begin");
    for (int job = 1; job <= JOBS; job++) {
        log_record(worker, job);
        PITFALL_POINT("logged");
    }
    return EXIT_SUCCESS;
}

int main(void)
{
    for (int worker = 1; worker <= WORKERS; worker++) {
        pid_t pid = fork();
        if (pid == -1) {
            perror("fork");
            return EXIT_FAILURE;
        }
        if (pid == 0)
            _exit(work(worker));
    }
    while (wait(NULL) > 0)
        continue;
    return EXIT_SUCCESS;
}
