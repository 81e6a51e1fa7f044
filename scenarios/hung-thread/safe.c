/*
 * A worker process loads a table while threads of it keep a journal and an
 * archive; its parent waits for it.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <mproc/thread.h>

/* A wait of the library: when the thread is asked to stop, it returns
 * -ECANCELED. */
static int keep_journal(void *rows)
{
    int row;
    size_t len;
    while (!mproc_queue_get_into(rows, MPROC_FOREVER, sizeof(row), &row, &len))
        printf("row %d\n", row);
    return 0;
}

/* Somebody else's code, which has never heard of stop tokens: this thread will
 * not come back. */
static int keep_archive(void *unused)
{
    (void)unused;
    sem_t night;
    sem_init(&night, 0, 0);
    while (sem_wait(&night) != 0 && errno == EINTR)
        continue;
    return 0;
}

static int load_table(const char *path, struct mproc_queue *rows)
{
    FILE *table = fopen(path, "r");
    if (!table) {
        int err = -errno;
        fprintf(stderr, "%s: %s\n", path, mproc_strerror(err));
        return err;
    }
    int row = 0, err = 0;
    for (int c; !err && (c = getc(table)) != EOF;)
        if (c == '\n' && ++row)
            err = mproc_queue_put(rows, &row, sizeof(row),
                                  mproc_deadline_ms(1000));
    fclose(table);
    return err;
}

static int work(struct mproc_args *args)
{
    (void)args;
    struct mproc_queue *rows;
    struct mproc_thread *journal = NULL, *archive = NULL;
    int err = mproc_queue_create(NULL, &rows);
    if (err)
        return err;
    err = mproc_thread_start("journal", keep_journal, rows, NULL, &journal);
    if (!err)
        err = mproc_thread_start("archive", keep_archive, NULL, NULL, &archive);
    if (!err)
        err = load_table("/nonexistent/table.csv", rows);
    /* One path for good and bad: all threads are asked, and waited for so long
     * and no longer. */
    int hung = mproc_thread_stop_all(mproc_deadline_ms(200));
    mproc_thread_free(journal);
    mproc_thread_free(archive);
    if (!hung)
        mproc_queue_unref(rows);
    return err ? err : hung;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"work", work}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_process *worker = NULL;
    struct mproc_status status;
    int err = mproc_context_open(
        &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_process_start(context, "work", NULL, NULL, &worker);
    if (!err)
        err = mproc_process_join(worker, mproc_deadline_ms(5000), &status);
    if (!err)
        err = mproc_status_check(&status);
    if (err)
        printf("%s: %s\n", mproc_strerror(err), mproc_error_detail());
    mproc_process_free(worker);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
