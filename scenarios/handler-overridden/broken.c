/*
 * Measurements are collected in shared memory that others can look at by its
 * name. On SIGTERM the program removes that and ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pitfall/point.h>

#define MEASUREMENTS 1000

/* ---- A library: it tells what it has seen before the process ends. ---- */

static void statistics_flush(int signo)
{
    static const char text[] = "statistics written\n";
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    signal(signo, SIG_DFL); /* and then it ends as it would have */
    raise(signo);
}

static void statistics_open(void)
{
    signal(SIGTERM, statistics_flush);
}

/* ---- The program ---- */

static volatile sig_atomic_t stopped;

static void ask_to_stop(int signo)
{
    (void)signo;
    stopped = 1;
}

static int measure(long *sum)
{
    int count = 0;
    while (count < MEASUREMENTS && !stopped) {
        PITFALL_POINT("measuring");
        *sum += ++count;
    }
    return count;
}

int main(void)
{
    signal(SIGTERM, ask_to_stop);
    statistics_open();
    long *sum = MAP_FAILED;
    int fd = shm_open("/measurements", O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd != -1 && ftruncate(fd, sizeof(*sum)) == 0)
        sum = mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                   0);
    if (sum == MAP_FAILED) {
        perror("/measurements");
        return EXIT_FAILURE;
    }
    int count = measure(sum);
    shm_unlink("/measurements");
    printf("%s after %d measurements\n", stopped ? "stopped" : "done", count);
    return EXIT_SUCCESS;
}
