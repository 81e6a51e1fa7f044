/*
 * Counts the primes below 40,000. Two workers try the numbers, which are handed
 * to them one by one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 2
#define NUMBERS 40000

struct worker {
    pid_t pid;
    int tasks, results;
};

static bool is_prime(int number)
{
    for (int divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0)
            return false;
    return number > 1;
}

static int work(int tasks, int results)
{
    for (int number; read(tasks, &number, sizeof(number)) == sizeof(number);) {
        bool prime = is_prime(number);
        if (write(results, &prime, sizeof(prime)) != sizeof(prime))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static bool start(struct worker *worker)
{
    int tasks[2], results[2];
    if (pipe(tasks) == -1 || pipe(results) == -1)
        return false;
    worker->pid = fork();
    if (worker->pid == 0) {
        close(tasks[1]);
        _exit(work(tasks[0], results[1]));
    }
    close(tasks[0]);
    close(results[1]);
    worker->tasks = tasks[1];
    worker->results = results[0];
    return worker->pid != -1;
}

/* Hands each worker a number in turn, and takes its answer before it gets the
 * next one. */
static int count_primes(const struct worker *workers)
{
    bool prime;
    int primes = 0;
    for (int number = 0; number < NUMBERS + WORKERS; number++) {
        const struct worker *worker = &workers[number % WORKERS];
        if (number >= WORKERS &&
            read(worker->results, &prime, sizeof(prime)) == sizeof(prime))
            primes += prime;
        if (number < NUMBERS &&
            write(worker->tasks, &number, sizeof(number)) != sizeof(number))
            return -1;
    }
    return primes;
}

int main(void)
{
    struct worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        if (!start(&workers[i])) {
            perror("worker");
            return EXIT_FAILURE;
        }
    printf("%d primes\n", count_primes(workers));
    for (int i = 0; i < WORKERS; i++)
        close(workers[i].tasks);
    for (int i = 0; i < WORKERS; i++)
        waitpid(workers[i].pid, NULL, 0);
    return EXIT_SUCCESS;
}
