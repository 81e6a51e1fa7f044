/*
 * A worker computes a report and hands it to its parent through a pipe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS 20000

static int write_report(int fd)
{
    FILE *out = fdopen(fd, "w");
    if (!out)
        return EXIT_FAILURE;
    for (int row = 0; row < ROWS; row++)
        fprintf(out, "row %d: %d\n", row, row * row);
    return fclose(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int count_rows(int fd)
{
    FILE *in = fdopen(fd, "r");
    if (!in)
        return -1;
    int rows = 0;
    for (int c; (c = getc(in)) != EOF;)
        rows += c == '\n';
    fclose(in);
    return rows;
}

int main(void)
{
    int report[2];
    if (pipe(report) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    pid_t worker = fork();
    if (worker == -1) {
        perror("fork");
        return EXIT_FAILURE;
    }
    if (worker == 0) {
        close(report[0]);
        _exit(write_report(report[1]));
    }
    close(report[1]);

    /* Let the worker finish, so that the report is complete; then read it. */
    int status;
    if (waitpid(worker, &status, 0) == -1 || status != 0) {
        fprintf(stderr, "the worker failed\n");
        return EXIT_FAILURE;
    }
    printf("%d rows\n", count_rows(report[0]));
    return EXIT_SUCCESS;
}
