/* What tests do with their children: wait until one sleeps, learn how it ended, kill it. */
#ifndef MPROC_TESTS_SLEEPER_H
#define MPROC_TESTS_SLEEPER_H

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "wait.h"

/* From here on who sleeps goes on because it was woken, and not because a nap is over. */
static inline void forbid_naps(void)
{
    mproc_nap_ns = UINT64_MAX / 4;
}

/* Waits until a process sleeps in the kernel, or has ended; there is nothing else that could tell. Returns
 * the letter of its state. */
static inline char await_rest(pid_t pid)
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
    return state;
}

/* ... and it must not have ended: it has nothing else to sleep on than what is tested. */
static inline void await_sleep(pid_t pid)
{
    cr_assert_eq(await_rest(pid), 'S', "it did not wait");
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
