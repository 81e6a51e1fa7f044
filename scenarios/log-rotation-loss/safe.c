/*
 * Two workers send their records to one process, which alone writes the log,
 * and puts it aside when it is full.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/shutdown.h>
#include <pitfall/point.h>

#define WORKERS 2
#define FULL    80 /* bytes: four records */
#define RECORD  64

static const int jobs[WORKERS] = {5, 3};

static void rotate(int *log)
{
    PITFALL_POINT("rotate");
    close(*log);
    rename("jobs.log", "jobs.log.1");
    *log = open("jobs.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int write_all(int fd, const char *data, size_t size)
{
    ssize_t put = 0;
    for (; size > 0; data += put, size -= (size_t)put)
        if ((put = write(fd, data, size)) == -1)
            return -errno;
    return 0;
}

/* Ends when it has taken all that was put into the queue before that was
 * closed. */
static int keep_log(struct mproc_args *args)
{
    struct mproc_queue *records;
    char record[RECORD];
    size_t len;
    int log = open("jobs.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int err = log == -1 ? -errno : mproc_args_get_queue(args, 0, &records);
    while (!err &&
           !(err = mproc_queue_get_into(records, mproc_deadline_ms(5000),
                                        RECORD, record, &len))) {
        struct stat now;
        if (fstat(log, &now) == 0 && (size_t)now.st_size + len > FULL)
            rotate(&log);
        err = write_all(log, record, len);
    }
    return err == -EPIPE ? 0 : err;
}

static int work(struct mproc_args *args)
{
    struct mproc_queue *records;
    char record[RECORD];
    int64_t worker;
    int err = mproc_args_get_queue(args, 0, &records);
    if (!err)
        err = mproc_args_get_int(args, 1, &worker);
    PITFALL_POINT("begin");
    for (int job = 1; !err && job <= jobs[worker - 1]; job++) {
        int len = snprintf(record, sizeof(record), "worker %d: record %d\n",
                           (int)worker, job);
        PITFALL_LEDGER("sent", 100 * worker + job);
        err = mproc_queue_put(records, record, (size_t)len,
                              mproc_deadline_ms(1000));
        PITFALL_POINT("logged");
    }
    return err;
}

static int start(struct mproc_context *context, const char *entry,
                 struct mproc_queue *records, int worker,
                 struct mproc_process **ret_process)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_queue(args, records);
    mproc_args_add(args, worker);
    err = mproc_process_start(context, entry, args, NULL, ret_process);
    mproc_args_free(args);
    return err;
}

static int join(struct mproc_process *process)
{
    struct mproc_status status;
    int err = mproc_process_join(process, mproc_deadline_ms(5000), &status);
    mproc_process_free(process);
    return err ? err : mproc_status_check(&status);
}

static int run(struct mproc_context *context, struct mproc_queue *records)
{
    struct mproc_process *writer, *workers[WORKERS];
    int err = start(context, "log", records, 0, &writer);
    for (int i = WORKERS - 1; i >= 0 && !err; i--)
        err = start(context, "work", records, i + 1, &workers[i]);
    for (int i = 0; i < WORKERS && !err; i++)
        err = join(workers[i]);
    if (!err)
        err = mproc_queue_close(records, mproc_deadline_ms(1000));
    return err ? err : join(writer);
}

static int print_log(const char *name)
{
    char record[RECORD];
    int worker, job;
    FILE *log = fopen(name, "r");
    if (!log)
        return -errno;
    while (fgets(record, sizeof(record), log)) {
        if (sscanf(record, "worker %d: record %d", &worker, &job) == 2)
            PITFALL_LEDGER("received", 100 * worker + job);
        fputs(record, stdout);
    }
    int err = ferror(log) ? -EIO : 0;
    fclose(log);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {
        {"log", keep_log}, {"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_queue *records = NULL;
    char folder[] = "/tmp/jobs-XXXXXX";
    int err = mproc_shutdown_install(NULL, 0); /* and all gets to its end */
    bool inside = !err && mkdtemp(folder) && chdir(folder) == 0;
    if (!err && !inside)
        err = -errno;
    if (!err)
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &records);
    if (!err)
        err = run(context, records);
    if (!err)
        err = print_log("jobs.log.1");
    if (!err)
        err = print_log("jobs.log");
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_queue_unref(records);
    mproc_context_close(context, mproc_deadline_ms(1000));
    if (inside) {
        unlink("jobs.log.1");
        unlink("jobs.log");
    }
    if (rmdir(folder) == -1 && !err) {
        err = -errno;
        perror(folder);
    }
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
