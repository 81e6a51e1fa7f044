/*
 * Kills a child at a chosen instruction of a function, by single steps.
 *
 * A test forks the child once per kill point; step_walk() says which points a run visits. What cannot be
 * reached this way, death inside a system call, is for kill storms.
 */
#ifndef MPROC_TESTS_STEP_H
#define MPROC_TESTS_STEP_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void step_body(void *arg);

/* Starts a child that has stopped right before body(arg); 0 when the kernel does not let us trace, or when
 * ThreadSanitizer makes thousands of instructions of each. */
static pid_t step_start(step_body *body, void *arg)
{
    int status;
#ifdef __SANITIZE_THREAD__
    pid_t pid = -1;
#else
    pid_t pid = fork();
#endif

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        __asm__ volatile("int3");
        body(arg);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return 0;
    return pid;
}

/* Steps over some instructions. Returns false when the child ended before, and is reaped. */
static bool step_over(pid_t pid, long instructions)
{
    int status;

    for (long i = 0; i < instructions; i++) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
            !WIFSTOPPED(status))
            return false;
    }
    return true;
}

static void step_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* How many instructions body(arg) has, its exit included; 0 when the kernel does not let us trace. */
static inline long step_count(step_body *body, void *arg)
{
    pid_t pid = step_start(body, arg);
    long count = 0;

    if (pid == 0)
        return 0;
    while (step_over(pid, 1))
        count++;
    return count;
}

/* Which kill points a run visits: `first`, and from there on every `stride`-th. */
struct step_walk {
    long first, stride;
};

/*
 * About `points` of `count`. With MPROC_STEP_ALL=1 it is all of them; with MPROC_STEP_ALL=I/N the I-th of N
 * shares of them, each spread over all of the call, for sweeps that take hours otherwise.
 */
static struct step_walk step_walk(long count, long points)
{
    const char *all = getenv("MPROC_STEP_ALL");
    long share = 1, shares = 1;
    char beyond;

    if (!all)
        return (struct step_walk){0, count <= points ? 1 : (count + points - 1) / points};
    int n = sscanf(all, "%ld/%ld%c", &share, &shares, &beyond);
    if (n < 1 || n > 2 || share < 1 || share > shares) {
        fprintf(
            stderr,
            "MPROC_STEP_ALL is '%s': write 1 for all instructions, or 2/8 for the second of eight shares\n",
            all);
        abort();
    }
    return (struct step_walk){share - 1, shares};
}

/* The kill point behind `at`; the last one is never left out. */
static inline long step_next(long at, long stride, long count)
{
    return at + 1 < count && at + stride >= count ? count - 1 : at + stride;
}

/* For a suite's .timeout: a sweep of all instructions takes hours. What bounds the default run is CTest. */
#define STEP_TIMEOUT_S 36000

#endif
