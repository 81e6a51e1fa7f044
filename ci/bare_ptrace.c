/*
 * bare_ptrace.c - runs a command and follows its tree with the smallest loop that can: every stop is let go
 * at once, and nothing is looked at. What it costs to see each birth, signal and end with ptrace(2), at the
 * very least. `bare_ptrace CMD [ARG]…`
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(char **command)
{
    pid_t root = fork();
    if (root != 0)
        return root;
    raise(SIGSTOP);
    execvp(command[0], command);
    fprintf(stderr, "bare_ptrace: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

static void let_go(pid_t tid, int status)
{
    int event = status >> 16, number = WSTOPSIG(status);
    ptrace(PTRACE_CONT, tid, NULL, (unsigned long)(event ? 0 : number));
}

/* Returns the root's status, for the shell. */
static int follow(pid_t root)
{
    int status, last = 0;
    pid_t tid;
    while ((tid = waitpid(-1, &status, __WALL)) > 0)
        if (WIFSTOPPED(status))
            let_go(tid, status);
        else if (tid == root)
            last = status;
    return WIFSIGNALED(last) ? 128 + WTERMSIG(last) : WEXITSTATUS(last);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bare_ptrace CMD [ARG]...\n");
        return 2;
    }
    int status;
    pid_t root = start(argv + 1);
    if (root < 0 || waitpid(root, &status, WUNTRACED) != root ||
        ptrace(PTRACE_SEIZE, root, NULL,
               PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE) < 0) {
        perror("bare_ptrace");
        if (root > 0)
            kill(root, SIGKILL);
        return 1;
    }
    kill(root, SIGCONT);
    return follow(root);
}
