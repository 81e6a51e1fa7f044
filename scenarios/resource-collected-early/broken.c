/*
 * Numbers are handed to a worker, a program of its own, in shared memory that
 * it finds by its name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define COUNT 1000

static long *open_numbers(const char *name, int flags)
{
    int fd = shm_open(name, flags, 0600);
    if (fd == -1 ||
        ((flags & O_CREAT) && ftruncate(fd, COUNT * sizeof(long)) == -1))
        return NULL;
    void *memory = mmap(NULL, COUNT * sizeof(long), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);
    close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

static int work(const char *name)
{
    PITFALL_POINT("worker-starts");
    const long *numbers = open_numbers(name, O_RDWR);
    if (!numbers) {
        perror(name);
        return EXIT_FAILURE;
    }
    long sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum += numbers[i];
    printf("sum %ld\n", sum);
    return EXIT_SUCCESS;
}

static pid_t start_worker(const char *name)
{
    pid_t worker = fork();
    if (worker == 0) {
        execl("/proc/self/exe", "worker", name, (char *)NULL);
        _exit(127);
    }
    return worker;
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return work(argv[1]);
    long *numbers = open_numbers("/numbers", O_CREAT | O_EXCL | O_RDWR);
    if (!numbers) {
        perror("/numbers");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    pid_t worker = start_worker("/numbers");
    /* The worker has it, and nobody else is to find it. */
    shm_unlink("/numbers");
    PITFALL_POINT("released");
    int status;
    if (waitpid(worker, &status, 0) != worker || status != 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
