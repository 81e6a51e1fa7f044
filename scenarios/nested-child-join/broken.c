/*
 * A build step is run and its output is shown. The step starts a compile
 * server, which later steps will use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int serve(int requests)
{
    char request;
    while (read(requests, &request, 1) == 1)
        dprintf(STDERR_FILENO, "compiling %c\n", request);
    return EXIT_SUCCESS;
}

static int run_step(int requests)
{
    pid_t server = fork();
    if (server == 0)
        _exit(serve(requests));
    printf("compile server %s\n", server == -1 ? "not started" : "started");
    printf("step done\n");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Shows all that the step has to say, until end of file. */
static void show(int output)
{
    char text[256];
    for (ssize_t got; (got = read(output, text, sizeof(text))) > 0;)
        fwrite(text, 1, (size_t)got, stdout);
}

int main(void)
{
    int output[2], requests[2];
    if (pipe(output) == -1 || pipe(requests) == -1) {
        perror("pipe");
        return EXIT_FAILURE;
    }
    pid_t step = fork();
    if (step == -1) {
        perror("fork");
        return EXIT_FAILURE;
    }
    if (step == 0) {
        dup2(output[1], STDOUT_FILENO);
        close(output[0]);
        close(output[1]);
        close(requests[1]);
        _exit(run_step(requests[0]));
    }
    close(output[1]);
    close(requests[0]);
    show(output[0]);
    int status;
    waitpid(step, &status, 0);
    close(requests[1]); /* no more steps: the server ends */
    printf("step ended with status %d\n", status);
    return EXIT_SUCCESS;
}
