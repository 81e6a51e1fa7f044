/*
 * A program runs itself once more to have an indexer beside it, with a memory
 * of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int index_files(void)
{
    printf("files indexed\n");
    return EXIT_SUCCESS;
}

static pid_t start_indexer(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "indexer", "--index", (char *)NULL);
        _exit(127);
    }
    if (pid == -1)
        perror("indexer");
    return pid;
}

int main(int argc, char **argv)
{
    /* What is always needed comes first. */
    pid_t indexer = start_indexer();

    int status = EXIT_SUCCESS;
    if (argc == 2 && strcmp(argv[1], "--index") == 0)
        status = index_files();
    else
        printf("serving\n");
    if (indexer > 0)
        waitpid(indexer, NULL, 0);
    return status;
}
