/*
 * Measurements are collected in shared memory that others can look at by its
 * name. On SIGTERM the program removes that and ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/shutdown.h>
#include <pitfall/point.h>

#define MEASUREMENTS 1000

/* ---- A library: it tells what it has seen before the process ends. ---- */

static void statistics_flush(int signo, const siginfo_t *info, void *arg)
{
    static const char text[] = "statistics written\n";
    (void)signo, (void)info, (void)arg;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

/* It hears of the signal beside all others who do, and takes nobody's place. */
static int statistics_open(struct mproc_subscription **ret_subscription)
{
    return mproc_signal_subscribe(SIGTERM, statistics_flush, NULL,
                                  ret_subscription);
}

/* ---- The program ---- */

static bool is_stopped(void)
{
    return mproc_stop_level(NULL) != MPROC_RUNNING;
}

static int measure(long *sum)
{
    int count = 0;
    while (count < MEASUREMENTS && !is_stopped()) {
        PITFALL_POINT("measuring");
        *sum += ++count;
    }
    return count;
}

int main(void)
{
    struct mproc_subscription *statistics = NULL;
    int err = mproc_shutdown_install(NULL, 0);
    if (!err)
        err = statistics_open(&statistics);
    if (err) {
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
        return EXIT_FAILURE;
    }
    int fd = shm_open("/measurements", O_CREAT | O_EXCL | O_RDWR, 0600);
    long *sum = fd == -1 || ftruncate(fd, sizeof(*sum)) == -1
                    ? MAP_FAILED
                    : mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE,
                           MAP_SHARED, fd, 0);
    if (sum == MAP_FAILED) {
        perror("/measurements");
        if (fd != -1)
            shm_unlink("/measurements");
        return EXIT_FAILURE;
    }
    int count = measure(sum);
    shm_unlink("/measurements");
    printf("%s after %d measurements\n", is_stopped() ? "stopped" : "done",
           count);
    if (fflush(stdout))
        return EXIT_FAILURE;
    return is_stopped() ? 128 + mproc_shutdown_signal()
                        : EXIT_SUCCESS; /* as shells say it */
}
