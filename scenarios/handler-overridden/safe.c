/*
 * Measurements are collected in shared memory that others are given, and do not
 * find by a name: with its last user it is gone, however that ends. On SIGTERM
 * the program stops and says how far it has come.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/shm.h>
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

static int measure(int64_t *sum)
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
    static const struct mproc_shm_options one = {.type = MPROC_SHM_INT64,
                                                 .count = 1};
    struct mproc_subscription *statistics = NULL;
    struct mproc_shm *measurements = NULL;
    int64_t *sum;
    int count = 0, err = mproc_shutdown_install(NULL, 0);
    if (!err)
        err = statistics_open(&statistics);
    if (!err)
        err = mproc_shm_create(&one, &measurements);
    if (!err)
        err = mproc_shm_get(measurements, &sum, NULL);
    if (!err)
        count = measure(sum);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%s after %d measurements\n", is_stopped() ? "stopped" : "done",
               count);
    mproc_shm_unref(measurements);
    mproc_signal_unsubscribe(statistics);
    if (err || fflush(stdout))
        return EXIT_FAILURE;
    return is_stopped() ? 128 + mproc_shutdown_signal() : EXIT_SUCCESS;
}
