/*
 * Workers that write into one file, one of which is killed, and a listener that is killed as well.
 *
 * A record is in the log once mproc_log_info() returns, whatever becomes of who wrote it; and the next
 * listener goes on where the dead one was.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/log.h>
#include <mproc/process.h>
#include <mproc/shutdown.h>

enum { WORKERS = 3, UNLUCKY = 1, RECORDS = 1000 };

static int work(struct mproc_args *args)
{
    struct mproc_log *log;
    int64_t number;

    if (mproc_args_get_log(args, 0, &log) || mproc_args_get_int(args, 1, &number))
        return 1;
    for (int i = 0; i < RECORDS; i++) {
        const struct mproc_log_field fields[] = {mproc_log_int("worker", number), mproc_log_int("step", i)};
        if (mproc_log_write(log, MPROC_LOG_INFO, fields, 2, "done"))
            return 1;
    }
    if (number == UNLUCKY)
        raise(SIGKILL);
    mproc_log_unref(log);
    return 0;
}

static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};

static int start_workers(struct mproc_context *context, struct mproc_log *log,
                         struct mproc_process **ret_workers)
{
    for (int number = 0; number < WORKERS; number++) {
        struct mproc_args *args;
        if (mproc_args_new(&args) || mproc_args_add_log(args, log) || mproc_args_add(args, number) ||
            mproc_process_start(context, "work", args, NULL, &ret_workers[number]))
            return -1;
        mproc_args_free(args);
    }
    return 0;
}

static int join_workers(struct mproc_process **workers)
{
    for (int number = 0; number < WORKERS; number++) {
        struct mproc_status status;
        if (mproc_process_join(workers[number], mproc_deadline_ms(5000), &status) ||
            (mproc_status_check(&status) && (number != UNLUCKY || status.guard_died)))
            return -1;
        mproc_process_free(workers[number]);
    }
    return 0;
}

/* The listener is the only process there is so far. */
static int kill_listener(struct mproc_context *context)
{
    struct mproc_process *process;

    if (mproc_process_active(context, &process, 1) != 1)
        return 0; /* somebody else has killed it */
    int err = mproc_process_kill(process);
    mproc_process_free(process);
    return err;
}

static int count_records(const char *path)
{
    char line[200];
    FILE *file = fopen(path, "re");
    int whole = 0;

    while (file && fgets(line, sizeof(line), file))
        whole += strstr(line, "]: done worker=") != NULL && strchr(line, '\n') != NULL;
    if (file)
        fclose(file);
    return whole;
}

static int log_into(const char *path, struct mproc_context *context)
{
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_FILE, .path = path};
    struct mproc_process *workers[WORKERS];
    struct mproc_log_listener *listener;
    struct mproc_log *log;

    if (mproc_log_create(NULL, &log) || mproc_log_listen(log, &handler, 1, context, &listener))
        return -1;
    if (kill_listener(context) || start_workers(context, log, workers) ||
        mproc_log_listener_join(listener, MPROC_FOREVER) != -ECHILD)
        return -1;
    printf("the first listener was killed\n");
    mproc_log_listener_free(listener);
    if (mproc_log_listen(log, &handler, 1, context, &listener))
        return -1;
    mproc_log_unref(log); /* this process has nothing to say any more; the workers may */
    if (join_workers(workers) || mproc_log_listener_join(listener, mproc_deadline_ms(10000)))
        return -1;
    mproc_log_listener_free(listener);
    return 0;
}

int main(void)
{
    char path[] = "/tmp/mproc-example-XXXXXX";
    struct mproc_context *context = NULL;

    /* Ctrl-C ends all waits, and the file is removed all the same. */
    if (mproc_shutdown_install(NULL, 0))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    int fd = mkstemp(path);
    if (fd < 0)
        return perror(path), 1;
    int err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (err == 0)
        err = log_into(path, context);
    if (err)
        fprintf(stderr, "%s\n", mproc_error_detail());
    /* After this no listener is left, which would make the file anew. */
    if (mproc_context_close(context, mproc_deadline_ms(5000)))
        err = fprintf(stderr, "%s\n", mproc_error_detail());
    int records = count_records(path);
    if (err == 0 && records == WORKERS * RECORDS)
        printf("%d records, each whole and once\n", records);
    else
        err = fprintf(stderr, "%d records of %d are in the log\n", records, WORKERS * RECORDS);
    close(fd);
    unlink(path);
    if (fflush(stdout))
        return perror("standard output"), 1;
    return err ? 1 : 0;
}
