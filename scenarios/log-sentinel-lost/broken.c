/*
 * A program and its worker log through a pipe to one listener, which writes the
 * log. The worker, which ends last, stops the listener.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

struct record {
    enum { LOG, STOP } kind;
    char text[60];
};

static void send_record(int log, int kind, const char *text)
{
    struct record record = {.kind = kind};
    strncpy(record.text, text, sizeof(record.text) - 1);
    if (write(log, &record, sizeof(record)) != sizeof(record))
        perror("log");
}

static int listen_to(int log)
{
    struct record record;
    while (read(log, &record, sizeof(record)) == sizeof(record) &&
           record.kind != STOP)
        dprintf(STDOUT_FILENO, "%s\n", record.text);
    return EXIT_SUCCESS;
}

static int work(int log)
{
    send_record(log, LOG, "worker: begins");
    send_record(log, LOG, "worker: ends");
    PITFALL_POINT("before-sentinel");
    send_record(log, STOP, "");
    return EXIT_SUCCESS;
}

static pid_t start(int (*run)(int), int log)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(run(log));
    return pid;
}

int main(void)
{
    int log[2], status;
    if (pipe(log) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    pid_t listener = start(listen_to, log[0]);
    send_record(log[1], LOG, "program: begins");
    pid_t worker = start(work, log[1]);
    if (listener == -1 || worker == -1 || waitpid(worker, &status, 0) == -1)
        return EXIT_FAILURE;
    if (status != 0)
        send_record(log[1], LOG, "program: the worker failed");
    waitpid(listener, NULL, 0); /* so that the log is complete */
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
