/*
 * A program writes a report, while a thread of it keeps a journal. Everything
 * is closed in the end.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stopping;
static pthread_t journal;

static void *keep_journal(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!stopping)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    printf("journal closed\n");
    return NULL;
}

/* However the program ends, the journal is complete then. */
static void join_journal(void)
{
    pthread_join(journal, NULL);
}

static void stop_journal(void)
{
    pthread_mutex_lock(&lock);
    stopping = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static int close_all(FILE *report)
{
    if (ferror(report) || fflush(report) == EOF ||
        fsync(fileno(report)) == -1 || fclose(report) == EOF) {
        perror("report");
        return EXIT_FAILURE;
    }
    stop_journal();
    return EXIT_SUCCESS;
}

int main(void)
{
    FILE *report = tmpfile();
    if (!report || pthread_create(&journal, NULL, keep_journal, NULL) != 0) {
        perror("start");
        return EXIT_FAILURE;
    }
    atexit(join_journal);
    for (int row = 0; row < 1000; row++)
        fprintf(report, "row %d\n", row);
    return close_all(report);
}
