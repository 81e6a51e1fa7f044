/*
 * What it takes to start a process and to join it, whatever its owner has in memory; and how long after a
 * SIGKILL of the root of a tree of three levels somebody of it is still there.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/process.h>

#include "measure/measure.h"

enum { ROUNDS = 5, KILLS = 500, KILLS_OF_PYTHON = 3, VOICES = 3, LEFT_MS = 1000 };

static int do_nothing(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static int nest(struct mproc_args *args);

static const struct mproc_entry entries[] = {{"nothing", do_nothing}, {"nest", nest}, {NULL, NULL}};

static struct mproc_context *context;

static void start_and_join(enum mproc_start_method method, int count)
{
    const struct mproc_process_options options = {.method = method};
    struct mproc_process *process;

    for (int i = 0; i < count; i++) {
        require(mproc_process_start(context, "nothing", NULL, &options, &process) == 0, "start");
        require(mproc_process_join(process, MPROC_FOREVER, NULL) == 0, "join");
        mproc_process_free(process);
    }
}

static void by_forkserver(int count)
{
    start_and_join(MPROC_START_FORKSERVER, count);
}

static void by_spawn(int count)
{
    start_and_join(MPROC_START_SPAWN, count);
}

static void by_fork(int count)
{
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        require(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
    }
}

/* Microseconds for each. */
static double cost(void (*work)(int count), int count)
{
    uint64_t begin_ns = mproc_clock_ns();

    work(count);
    return (double)(mproc_clock_ns() - begin_ns) / 1e3 / count;
}

/* METHOD BYTES COUNT. */
static const char python_start[] = "import multiprocessing, sys, time\n"
                                   "def nothing():\n"
                                   "    pass\n"
                                   "if __name__ == '__main__':\n"
                                   "    context = multiprocessing.get_context(sys.argv[1])\n"
                                   "    ballast = bytearray(b'x') * int(sys.argv[2])\n"
                                   "    def run():\n"
                                   "        process = context.Process(target=nothing)\n"
                                   "        process.start()\n"
                                   "        process.join()\n"
                                   "    run()\n"
                                   "    count = int(sys.argv[3])\n"
                                   "    begin = time.perf_counter()\n"
                                   "    for i in range(count):\n"
                                   "        run()\n"
                                   "    print((time.perf_counter() - begin) / count * 1e6)\n";

static double cost_in_python(const char *method, size_t bytes, int count)
{
    char words[100];

    snprintf(words, sizeof(words), "%s %zu %d", method, bytes, count);
    return python_figure(python_start, words);
}

static void print_row(const char *what, double ours, const char *peer, double theirs)
{
    if (theirs > 0)
        printf("%-34s%12.0f  %-24s%12.0f%10.1f\n", what, ours, peer, theirs, theirs / ours);
    else
        printf("%-34s%12.0f  %-24s     skipped: not installed\n", what, ours, peer);
    fflush(stdout);
}

static void compare_starts(size_t megabytes)
{
    size_t bytes = megabytes << 20;
    double ours[ROUNDS], spawned[ROUNDS], forked[ROUNDS], python[3][ROUNDS];
    static const char *const methods[] = {"forkserver", "fork", "spawn"};
    char what[64];
    void *ballast =
        bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;

    require(ballast != MAP_FAILED, "memory");
    if (bytes)
        memset(ballast, 1, bytes);
    for (int round = 0; round < ROUNDS; round++) {
        ours[round] = cost(by_forkserver, 200);
        forked[round] = cost(by_fork, bytes ? 10 : 200);
        spawned[round] = cost(by_spawn, 50);
        for (int i = 0; i < 3; i++)
            python[i][round] = cost_in_python(methods[i], bytes, 10);
    }
    if (bytes)
        munmap(ballast, bytes);
    snprintf(what, sizeof(what), "start + join, %zu MB resident", megabytes);
    print_row(what, median(ours, ROUNDS), "fork() + waitpid()", median(forked, ROUNDS));
    print_row(what, median(ours, ROUNDS), "CPython forkserver", median(python[0], ROUNDS));
    print_row(what, median(ours, ROUNDS), "CPython fork", median(python[1], ROUNDS));
    print_row("  with the method spawn", median(spawned, ROUNDS), "CPython spawn", median(python[2], ROUNDS));
}

/* The tree: the root starts a worker, which opens a context of its own and starts one more; each forks, too.
 */
static _Noreturn void stay(int told)
{
    if (write(told, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void start_below(int told, int levels)
{
    struct mproc_process *process;
    struct mproc_args *args;

    require(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0,
            "context");
    require(mproc_args_new(&args) == 0 && mproc_args_add_fd(args, told) == 0 &&
                mproc_args_add_int(args, levels) == 0 &&
                mproc_process_start(context, "nest", args, NULL, &process) == 0,
            "start");
}

static int nest(struct mproc_args *args)
{
    int64_t levels;
    int told;

    if (mproc_args_get_fd(args, 0, &told) || mproc_args_get_int(args, 1, &levels))
        return 1;
    if (levels > 1)
        start_below(told, (int)levels - 1);
    if (fork() == 0)
        setsid();
    stay(told);
}

/* Milliseconds from the kill until nobody is left; beyond `most` somebody is. */
static double until_nobody_is_left(pid_t root, double most, unsigned *ret_left)
{
    uint64_t begin_ns = mproc_clock_ns();
    double passed = 0;
    pid_t pid;

    kill(root, SIGKILL);
    *ret_left = 0;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && passed <= most) {
        passed = (double)(mproc_clock_ns() - begin_ns) / 1e6;
        if (pid == 0)
            sched_yield();
    }
    if (pid < 0)
        return passed;
    /* Whoever is left has become our child: we end it, round by round. */
    FILE *list = NULL;
    while ((list = fopen("/proc/thread-self/children", "re"))) {
        int child;
        unsigned count = 0;
        for (; fscanf(list, "%d", &child) == 1; count++) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
        }
        fclose(list);
        *ret_left += count;
        if (count == 0)
            break;
    }
    return passed;
}

/* A tree that stands, or one that is being made, at a random moment. */
static double kill_ours(bool stands)
{
    unsigned left;
    int told[2];
    char byte;

    require(pipe2(told, O_CLOEXEC) == 0, "pipe");
    pid_t root = fork();
    if (root == 0) {
        start_below(told[1], 2);
        for (;;)
            pause();
    }
    for (int i = 0; i < 4 && stands; i++)
        require(read(told[0], &byte, 1) == 1, "a tree");
    if (!stands)
        usleep((useconds_t)(random() % 10000));
    close(told[0]);
    close(told[1]);
    double ms = until_nobody_is_left(root, 10000, &left);
    require(left == 0, "nobody left");
    return ms;
}

/* The same with multiprocessing. */
static const char python_tree[] = "import multiprocessing, os, sys, time\n"
                                  "def nest(levels):\n"
                                  "    if levels > 1:\n"
                                  "        context.Process(target=nest, args=(levels - 1,)).start()\n"
                                  "    os.write(1, b'x')\n"
                                  "    time.sleep(1000)\n"
                                  "context = multiprocessing.get_context('fork')\n"
                                  "nest(3)\n";

/* How many of its processes are left; -1: there is no Python. */
static int kill_python(void)
{
    unsigned left;
    int told[2];
    char byte;

    require(pipe2(told, O_CLOEXEC) == 0, "pipe");
    pid_t root = fork();
    if (root == 0) {
        dup2(told[1], STDOUT_FILENO);
        execlp("python3", "python3", "-c", python_tree, NULL);
        _exit(127);
    }
    close(told[1]);
    bool is_there = true;
    for (int i = 0; i < VOICES && is_there; i++)
        is_there = read(told[0], &byte, 1) == 1;
    close(told[0]);
    until_nobody_is_left(root, LEFT_MS, &left);
    return is_there ? (int)left : -1;
}

int main(void)
{
    double ms[KILLS];

    require(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0,
            "context");
    printf("%-34s%12s  %-24s%12s%10s   (microseconds, medians of %d)\n", "", "mproc", "peer", "", "ratio",
           ROUNDS);
    compare_starts(0);
    compare_starts(256);
    compare_starts(1024);
    mproc_context_close(context, MPROC_NOW);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < KILLS; i++)
        ms[i] = kill_ours(i % 2);
    double middle = median(ms, KILLS);
    printf("kill -9 of the root of three levels, at random moments: nobody left after %.1f ms (median), %.1f "
           "(p99), %.1f (worst "
           "of %d)\n",
           middle, ms[KILLS * 99 / 100], ms[KILLS - 1], KILLS);
    for (int i = 0; i < KILLS_OF_PYTHON; i++) {
        int left = kill_python();
        if (left < 0)
            printf("  the same with CPython's multiprocessing: skipped: not installed\n");
        else
            printf("  the same with CPython's multiprocessing: %d of 2 are left after %d ms\n", left,
                   LEFT_MS);
    }
    return 0;
}
