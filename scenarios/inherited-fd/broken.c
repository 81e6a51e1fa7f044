/*
 * Two workers add up the numbers that they get through a pipe each, until its
 * end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 2

struct worker {
    pid_t pid;
    int numbers; /* write end of its pipe */
};

static int add_up(int numbers)
{
    long sum = 0;
    for (int number; read(numbers, &number, sizeof(number)) == sizeof(number);)
        sum += number;
    printf("sum %ld\n", sum);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int start(struct worker *worker)
{
    int numbers[2];
    if (pipe(numbers) == -1)
        return -1;
    worker->pid = fork();
    if (worker->pid == 0) {
        close(numbers[1]);
        _exit(add_up(numbers[0]));
    }
    close(numbers[0]);
    worker->numbers = numbers[1];
    return worker->pid == -1 ? -1 : 0;
}

int main(void)
{
    struct worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        if (start(&workers[i]) == -1) {
            perror("worker");
            return EXIT_FAILURE;
        }
    for (int number = 1; number <= 100; number++) {
        int to = workers[number % WORKERS].numbers;
        if (write(to, &number, sizeof(number)) != sizeof(number))
            perror("write");
    }
    /* That was all: each worker sees the end, and ends. */
    for (int i = 0; i < WORKERS; i++) {
        close(workers[i].numbers);
        waitpid(workers[i].pid, NULL, 0);
    }
    return EXIT_SUCCESS;
}
