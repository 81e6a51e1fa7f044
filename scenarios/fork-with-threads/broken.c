/*
 * A server logs from two threads, with a mutex around the log, and starts a
 * worker process meanwhile.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void log_line(const char *who, int line)
{
    pthread_mutex_lock(&log_lock);
    PITFALL_POINT("lock-held");
    printf("%s: line %d\n", who, line);
    pthread_mutex_unlock(&log_lock);
}

static void *serve(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 100; i++)
        log_line("server", i);
    return NULL;
}

static int work(void)
{
    PITFALL_POINT("worker-begins");
    log_line("worker", 1);
    return EXIT_SUCCESS;
}

int main(void)
{
    pthread_t server;
    if (pthread_create(&server, NULL, serve, NULL) != 0)
        return EXIT_FAILURE;
    PITFALL_POINT("before-start");
    pid_t worker = fork();
    if (worker == 0)
        _exit(work());
    pthread_join(server, NULL);
    int status;
    if (worker == -1 || waitpid(worker, &status, 0) == -1) {
        perror("worker");
        return EXIT_FAILURE;
    }
    printf("worker ended with status %d\n", status);
    return EXIT_SUCCESS;
}
