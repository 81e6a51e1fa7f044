/*
 * Forty jobs, each worked out by a process of its own that sends its result
 * back through a pipe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define JOBS 40

/* Returns 0 and the job's result, or -1 when the job could not be done. */
static int run_job(int job, long *ret_result)
{
    int result[2];
    if (pipe(result) == -1)
        return -1;
    pid_t worker = fork();
    if (worker == 0) {
        long square = (long)job * job;
        ssize_t sent = write(result[1], &square, sizeof(square));
        _exit(sent == sizeof(square) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(result[1]);
    if (worker == -1)
        return -1;
    ssize_t got = read(result[0], ret_result, sizeof(*ret_result));
    waitpid(worker, NULL, 0);
    return got == sizeof(*ret_result) ? 0 : -1;
}

int main(void)
{
    int done = 0;
    long sum = 0;
    for (int job = 1; job <= JOBS; job++) {
        long result;
        PITFALL_LEDGER("sent", job);
        if (run_job(job, &result) == -1) {
            perror("job skipped");
            continue;
        }
        PITFALL_LEDGER("received", job);
        sum += result;
        done++;
    }
    printf("%d jobs done, sum %ld\n", done, sum);
    return EXIT_SUCCESS;
}
