/*
 * A program writes a report, while a thread of it keeps a journal. Everything
 * is closed in the end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

/* A clean-up of the thread runs whatever it ends of. */
static void close_journal(void *unused)
{
    (void)unused;
    printf("journal closed\n");
}

static int keep_journal(void *unused)
{
    int err = mproc_thread_push_cleanup(close_journal, unused);
    return err ? err : mproc_stop_wait(NULL, MPROC_FOREVER);
}

static int close_report(FILE *report)
{
    int err = ferror(report) ? -EIO : 0;
    if (!err && (fflush(report) == EOF || fsync(fileno(report)) == -1))
        err = -errno;
    return fclose(report) == EOF && !err ? -errno : err;
}

int main(void)
{
    struct mproc_thread *journal;
    FILE *report = tmpfile();
    if (!report) {
        perror("report");
        return EXIT_FAILURE;
    }
    int err = mproc_thread_start("journal", keep_journal, NULL, NULL, &journal);
    if (err) {
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
        fclose(report);
        return EXIT_FAILURE;
    }
    for (int row = 0; row < 1000; row++)
        fprintf(report, "row %d\n", row);
    /* Every step is done, whatever came of the one before; the first error is
     * what is reported. */
    int closed = close_report(report);
    int hung = mproc_thread_stop_all(mproc_deadline_ms(1000));
    mproc_thread_free(journal);
    if (closed)
        fprintf(stderr, "report: %s\n", mproc_strerror(closed));
    if (hung)
        fprintf(stderr, "%s: %s\n", mproc_strerror(hung), mproc_error_detail());
    return closed || hung || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
