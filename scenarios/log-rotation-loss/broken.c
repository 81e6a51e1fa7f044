/*
 * Two workers write one log. Whoever finds it full puts it aside as jobs.log.1
 * and begins a new one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define WORKERS 2
#define FULL    80 /* bytes: four records */

static const int jobs[WORKERS] = {5, 3};

static void rotate(int *log)
{
    PITFALL_POINT("rotate");
    close(*log);
    rename("jobs.log", "jobs.log.1");
    *log = open("jobs.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void log_record(int *log, int worker, int job)
{
    char record[64];
    struct stat now;
    int len = snprintf(record, sizeof(record), "worker %d: record %d\n", worker,
                       job);
    if (fstat(*log, &now) == 0 && now.st_size + len > FULL)
        rotate(log);
    PITFALL_LEDGER("sent", 100 * worker + job);
    if (write(*log, record, (size_t)len) != len)
        perror("jobs.log");
}

static int work(int log, int worker)
{
    PITFALL_POINT("begin");
    for (int job = 1; job <= jobs[worker - 1]; job++) {
        log_record(&log, worker, job);
        PITFALL_POINT("logged");
    }
    return EXIT_SUCCESS;
}

static void print_log(const char *name)
{
    char record[64];
    int worker, job;
    FILE *log = fopen(name, "r");
    while (log && fgets(record, sizeof(record), log)) {
        if (sscanf(record, "worker %d: record %d", &worker, &job) == 2)
            PITFALL_LEDGER("received", 100 * worker + job);
        fputs(record, stdout);
    }
    if (log)
        fclose(log);
    unlink(name);
}

int main(void)
{
    char folder[] = "/tmp/jobs-XXXXXX";
    int log = mkdtemp(folder) && chdir(folder) == 0
                  ? open("jobs.log", O_WRONLY | O_CREAT | O_APPEND, 0600)
                  : -1;
    if (log == -1) {
        perror(folder);
        return EXIT_FAILURE;
    }
    for (int worker = 1; worker <= WORKERS; worker++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(work(log, worker));
        if (pid == -1)
            perror("worker");
    }
    while (wait(NULL) > 0)
        continue;
    print_log("jobs.log.1");
    print_log("jobs.log");
    return rmdir(folder) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
