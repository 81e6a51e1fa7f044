/*
 * A report of two parts: each is worked out by a process of its own, one after
 * the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARTS 2

static void print_part(int part)
{
    long sum = 0;
    for (long number = part; number <= 1000; number += PARTS)
        sum += number;
    printf("part %d: %ld\n", part, sum);
}

int main(void)
{
    printf("report of the night\n");
    for (int part = 1; part <= PARTS; part++) {
        pid_t worker = fork();
        if (worker == -1) {
            perror("fork");
            return EXIT_FAILURE;
        }
        if (worker == 0) {
            print_part(part);
            exit(EXIT_SUCCESS);
        }
        waitpid(worker, NULL, 0);
    }
    printf("end of report\n");
    return EXIT_SUCCESS;
}
