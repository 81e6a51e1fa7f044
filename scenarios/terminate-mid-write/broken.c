/*
 * A worker sends records to a collector, each as a length and a text. A worker
 * that dies is replaced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define RECORDS 10
#define LENGTH  64

static int work(int records, int *sent)
{
    char text[LENGTH];
    while (*sent < RECORDS) {
        int number = *sent + 1;
        int square = number * number;
        size_t len = (size_t)snprintf(text, sizeof(text),
                                      "%d: the square is %d", number, square);
        PITFALL_LEDGER("sent", number);
        if (write(records, &len, sizeof(len)) != sizeof(len))
            return EXIT_FAILURE;
        PITFALL_POINT("frame-half");
        if (write(records, text, len) != (ssize_t)len)
            return EXIT_FAILURE;
        *sent = number;
    }
    return EXIT_SUCCESS;
}

static int collect(FILE *records)
{
    char text[LENGTH];
    for (size_t len;
         fread(&len, sizeof(len), 1, records) == 1 && len < sizeof(text);) {
        if (fread(text, len, 1, records) != 1)
            break;
        text[len] = '\0';
        PITFALL_LEDGER("received", strtoul(text, NULL, 10));
        printf("%s\n", text);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    int records[2], status = -1;
    int *sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sent == MAP_FAILED || pipe(records) == -1)
        return EXIT_FAILURE;
    pid_t collector = fork();
    if (collector == 0) {
        close(records[1]);
        _exit(collect(fdopen(records[0], "r")));
    }
    for (int workers = 0; workers < 3 && status != 0; workers++) {
        pid_t worker = fork();
        if (worker == 0)
            _exit(work(records[1], sent));
        waitpid(worker, &status, 0);
    }
    close(records[1]);
    waitpid(collector, NULL, 0);
    return EXIT_SUCCESS;
}
