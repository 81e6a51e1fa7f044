/*
 * A background program runs a hook and shows what it prints. Nobody will type
 * anything, so it closes its input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the hook prints comes out of the descriptor that is returned. */
static int start_hook(const char *command, pid_t *ret_pid)
{
    int output[2];
    if (pipe(output) == -1)
        return -1;
    *ret_pid = fork();
    if (*ret_pid == 0) {
        dup2(output[1], STDOUT_FILENO);
        close(output[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(output[1]);
    return *ret_pid == -1 ? -1 : output[0];
}

static void show(int output)
{
    char text[256];
    for (ssize_t got; (got = read(output, text, sizeof(text))) > 0;)
        fwrite(text, 1, (size_t)got, stdout);
}

int main(void)
{
    close(STDIN_FILENO);
    pid_t hook;
    /* Answers, if somebody gives any, and then the hook's own words. */
    int output = start_hook("cat; echo hook is done", &hook);
    if (output == -1) {
        perror("hook");
        return EXIT_FAILURE;
    }
    show(output);
    int status;
    waitpid(hook, &status, 0);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
