/*
 * Looks up prices in a table. A worker does it: it gets the table with every
 * question.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS      1000000
#define QUESTIONS 100

struct question {
    uint32_t row;
    uint32_t prices[ROWS];
};

static bool receive(int fd, void *data, size_t size)
{
    ssize_t got = 0;
    for (char *at = data; size > 0 && (got = read(fd, at, size)) > 0; at += got)
        size -= (size_t)got;
    return size == 0;
}

static bool send_all(int fd, const void *data, size_t size)
{
    ssize_t put = 0;
    for (const char *at = data; size > 0 && (put = write(fd, at, size)) > 0;
         at += put)
        size -= (size_t)put;
    return size == 0;
}

static int work(int questions, int answers)
{
    struct question *question = malloc(sizeof(*question));
    while (question && receive(questions, question, sizeof(*question))) {
        uint32_t price = question->prices[question->row];
        if (!send_all(answers, &price, sizeof(price)))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int ask(struct question *question, int questions, int answers)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        uint32_t price;
        question->row = (i * 7919) % ROWS;
        if (!send_all(questions, question, sizeof(*question)) ||
            !receive(answers, &price, sizeof(price)))
            return EXIT_FAILURE;
        sum += price;
    }
    printf("%lu altogether\n", (unsigned long)sum);
    return EXIT_SUCCESS;
}

int main(void)
{
    int questions[2], answers[2];
    struct question *question = malloc(sizeof(*question));
    if (!question || pipe(questions) == -1 || pipe(answers) == -1)
        return EXIT_FAILURE;
    pid_t worker = fork();
    if (worker == 0) {
        close(questions[1]);
        _exit(work(questions[0], answers[1]));
    }
    for (uint32_t row = 0; row < ROWS; row++)
        question->prices[row] = row % 100;
    int status = worker == -1 ? EXIT_FAILURE
                              : ask(question, questions[1], answers[0]);
    close(questions[1]);
    waitpid(worker, NULL, 0);
    free(question);
    return status;
}
