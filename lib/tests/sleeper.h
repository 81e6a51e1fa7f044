/* What tests do with their children: wait until one sleeps, learn how it ended, kill it. */
#ifndef MPROC_TESTS_SLEEPER_H
#define MPROC_TESTS_SLEEPER_H

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

/* Waits until a process sleeps in the kernel; there is nothing else that could tell. */
static inline void await_sleep(pid_t pid)
{
    char path[40];
    char state;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    do {
        FILE *file = fopen(path, "re");
        cr_assert_not_null(file);
        cr_assert_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
    } while (state != 'S' && state != 'Z');
}

/* The status of a child, or -1 when a signal ended it. */
static inline int exit_code(pid_t pid)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void kill_and_reap(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

#endif
