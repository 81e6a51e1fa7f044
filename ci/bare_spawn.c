/*
 * bare_spawn.c - starts a command a number of times, one after the other, by posix_spawn and waitpid, and
 * prints what one start took in milliseconds: of the clock, and of the processors. `bare_spawn TIMES CMD
 * [ARG]…`
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double of_usage(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double processor_ms(void)
{
    return of_usage(RUSAGE_SELF) + of_usage(RUSAGE_CHILDREN);
}

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[1]) : 0;
    if (times <= 0) {
        fprintf(stderr, "usage: bare_spawn TIMES CMD [ARG]...\n");
        return 2;
    }
    double wall = clock_ms(), cpu = processor_ms();
    for (int i = 0; i < times; i++) {
        pid_t pid;
        int status, r = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
        if (r != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "bare_spawn: %s: %s\n", argv[2],
                    r ? strerror(r) : "it did not end with status 0");
            return 3;
        }
    }
    printf("%.4f %.4f\n", (clock_ms() - wall) / times, (processor_ms() - cpu) / times);
    return 0;
}
