/*
 * Forked workers count in shared memory. A later one is a program of its own,
 * and is told where the counter is.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int count(atomic_int *counter)
{
    for (int i = 0; i < 100; i++)
        atomic_fetch_add(counter, 1);
    return EXIT_SUCCESS;
}

static pid_t start_forked(atomic_int *counter)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(count(counter));
    return pid;
}

static pid_t start_anew(atomic_int *counter)
{
    char where[32];
    snprintf(where, sizeof(where), "%p", (void *)counter);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "worker", where, (char *)NULL);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    void *where;
    if (argc == 2 && sscanf(argv[1], "%p", &where) == 1)
        return count(where);

    atomic_int *counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counter == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    pid_t workers[] = {start_forked(counter), start_anew(counter)};
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        int status;
        failed += waitpid(workers[i], &status, 0) == -1 || status != 0;
    }
    printf("counted to %d, %d of the workers failed\n", atomic_load(counter),
           failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
