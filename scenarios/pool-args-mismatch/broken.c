/*
 * Workers of a pool are told with each task where the answer is to go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 2
#define TASKS   10

struct task {
    int number;
    int answer; /* descriptor */
};

static int work(int tasks)
{
    struct task task;
    int undelivered = 0;
    while (read(tasks, &task, sizeof(task)) == sizeof(task)) {
        long square = (long)task.number * task.number;
        if (write(task.answer, &square, sizeof(square)) != sizeof(square))
            undelivered++;
    }
    if (undelivered)
        fprintf(stderr, "%d answers could not be delivered\n", undelivered);
    return undelivered ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Returns where tasks are to be written. */
static int open_pool(void)
{
    int tasks[2];
    if (pipe(tasks) == -1)
        return -1;
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0) {
            close(tasks[1]);
            _exit(work(tasks[0]));
        }
    close(tasks[0]);
    return tasks[1];
}

int main(void)
{
    int pool = open_pool(), answers[2];
    if (pool == -1 || pipe(answers) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    for (int i = 1; i <= TASKS; i++)
        if (write(pool, &(struct task){i, answers[1]}, sizeof(struct task)) !=
            sizeof(struct task))
            perror("task");
    long sum = 0, square;
    for (int i = 0; i < TASKS &&
                    read(answers[0], &square, sizeof(square)) == sizeof(square);
         i++)
        sum += square;
    printf("sum %ld\n", sum);
    close(pool); /* no more tasks: the workers end */
    while (wait(NULL) > 0)
        continue;
    return EXIT_SUCCESS;
}
