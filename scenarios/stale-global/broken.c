/*
 * A program reads its configuration, and runs itself once more for the work, in
 * a process of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

static const int measured[] = {80, 120, 180, 260, 300};
static int threshold = 100; /* unless the configuration says otherwise */

static int work(void)
{
    int alarms = 0;
    PITFALL_LEDGER("read:threshold", threshold);
    for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
        alarms += measured[i] > threshold;
    printf("%d alarms\n", alarms);
    return EXIT_SUCCESS;
}

static void configure(int value)
{
    threshold = value;
    PITFALL_LEDGER("set:threshold", threshold);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--worker") == 0)
        return work();
    configure(250);
    pid_t worker = fork();
    if (worker == -1) {
        perror("worker");
        return EXIT_FAILURE;
    }
    if (worker == 0) {
        execl("/proc/self/exe", "worker", "--worker", (char *)NULL);
        _exit(127);
    }
    int status;
    waitpid(worker, &status, 0);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
