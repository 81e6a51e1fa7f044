/*
 * A worker process loads a table while a thread of it keeps a journal; its
 * parent waits for the worker.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stopping;
static int rows, written;

static void *keep_journal(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!stopping) {
        for (; written < rows; written++)
            printf("row %d\n", written + 1);
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int load_table(const char *path)
{
    FILE *table = fopen(path, "r");
    if (!table) {
        perror(path);
        return -1;
    }
    for (int c; (c = getc(table)) != EOF;) {
        pthread_mutex_lock(&lock);
        rows += c == '\n';
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    fclose(table);
    return 0;
}

static int work(void)
{
    int status = EXIT_FAILURE;
    pthread_t journal;
    if (pthread_create(&journal, NULL, keep_journal, NULL) != 0)
        return EXIT_FAILURE;
    if (load_table("/nonexistent/table.csv") == -1)
        goto out;
    pthread_mutex_lock(&lock);
    stopping = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    status = EXIT_SUCCESS;
out:
    pthread_join(journal, NULL);
    return status;
}

int main(void)
{
    pid_t worker = fork();
    if (worker == -1) {
        perror("fork");
        return EXIT_FAILURE;
    }
    if (worker == 0)
        exit(work());
    int status;
    waitpid(worker, &status, 0);
    printf("worker ended with status %d\n", status);
    return EXIT_SUCCESS;
}
