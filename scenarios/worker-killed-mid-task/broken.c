/*
 * Two workers take jobs from one pipe and send their results through another;
 * the parent adds them up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define JOBS    10
#define WORKERS 2

static int work(int jobs, int results)
{
    PITFALL_POINT("ready");
    for (int job; read(jobs, &job, sizeof(job)) == sizeof(job);) {
        PITFALL_POINT("task-taken");
        long square = (long)job * job;
        if (write(results, &square, sizeof(square)) != sizeof(square))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static void start(int jobs[2], int results[2])
{
    pid_t worker = fork();
    if (worker == 0) {
        close(jobs[1]);
        close(results[0]);
        _exit(work(jobs[0], results[1]));
    }
    if (worker == -1)
        perror("worker");
}

int main(void)
{
    int jobs[2], results[2];
    if (pipe(jobs) == -1 || pipe(results) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < WORKERS; i++)
        start(jobs, results);
    close(jobs[0]);
    close(results[1]);
    for (int job = 1; job <= JOBS; job++)
        if (write(jobs[1], &job, sizeof(job)) != sizeof(job))
            perror("job");
    long sum = 0, square;
    for (int i = 0; i < JOBS; i++)
        if (read(results[0], &square, sizeof(square)) == sizeof(square))
            sum += square;
    printf("sum %ld\n", sum);
    close(jobs[1]); /* no more jobs: the workers end */
    while (wait(NULL) > 0)
        continue;
    return EXIT_SUCCESS;
}
