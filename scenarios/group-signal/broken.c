/*
 * A worker works out jobs and sends a record of each to its parent. On Ctrl-C
 * the parent begins nothing new, waits for the record of the job that is under
 * way, and ends.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define JOBS 10

static volatile sig_atomic_t stopping;

static void stop(int signo)
{
    (void)signo;
    stopping = 1;
}

static int work(int jobs, int records)
{
    for (int job; read(jobs, &job, sizeof(job)) == sizeof(job);) {
        long square = (long)job * job;
        if (write(records, &job, sizeof(job)) != sizeof(job))
            return EXIT_FAILURE;
        PITFALL_POINT("mid-record");
        if (write(records, &square, sizeof(square)) != sizeof(square))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int collect(int records, long *ret_square)
{
    int job;
    if (read(records, &job, sizeof(job)) != sizeof(job))
        return -1;
    if (read(records, ret_square, sizeof(*ret_square)) != sizeof(*ret_square))
        return -1;
    return job;
}

int main(void)
{
    int jobs[2], records[2];
    if (pipe(jobs) == -1 || pipe(records) == -1)
        return EXIT_FAILURE;
    pid_t worker = fork();
    if (worker == 0) {
        close(jobs[1]);
        close(records[0]);
        _exit(work(jobs[0], records[1]));
    }
    if (worker == -1)
        return EXIT_FAILURE;
    close(jobs[0]);
    close(records[1]);
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    int done = 0;
    for (int job = 1; job <= JOBS && !stopping; job++) {
        long square;
        PITFALL_LEDGER("sent", job);
        if (write(jobs[1], &job, sizeof(job)) != sizeof(job) ||
            collect(records[0], &square) != job) {
            fprintf(stderr, "job %d is lost\n", job);
            break;
        }
        PITFALL_LEDGER("received", job);
        done++;
    }
    close(jobs[1]);
    waitpid(worker, NULL, 0);
    printf("%d jobs done\n", done);
    return EXIT_SUCCESS;
}
