/*
 * stepper.c - the program under test of the stepping tests: `stepper SCENE [ARG]` plays one scene.
 *
 * In most scenes a child climbs rungs in shared memory, one with each instruction, and its parent says how
 * far it has come.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "climb.h"

#define RUNG       " incl (%rdi)\n"
#define FOUR_RUNGS RUNG RUNG RUNG RUNG

/* Local symbols: what a static function is. */
void ascend(volatile int *rungs);
__asm__(".text\n .type ascend, @function\nascend:\n" FOUR_RUNGS FOUR_RUNGS
        " ret\n .size ascend, . - ascend\n");

/* Four rungs; kill(getpid(), SIGUSR1) with both numbers given; four more. 4 + 3 + 4 + 1 instructions. */
void signal_itself(volatile int *rungs, long pid, long number);
__asm__(
    ".text\n .type signal_itself, @function\nsignal_itself:\n" FOUR_RUNGS
    " mov %rdi, %r8\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov $62, %eax\n syscall\n mov %r8, %rdi\n" FOUR_RUNGS
    " ret\n .size signal_itself, . - signal_itself\n");

void copy(char *to, const char *from, long size);
__asm__(".text\n .type copy, @function\ncopy:\n mov %rdx, %rcx\n rep movsb\n ret\n .size copy, . - copy\n");

void fill(char *to, long byte, long size);
__asm__(".text\n .type fill, @function\nfill:\n mov %rsi, %rax\n mov %rdx, %rcx\n rep stosb\n ret\n"
        " .size fill, . - fill\n");

/* A rung, an int3 of the program's own, a rung. */
void trap_itself(volatile int *rungs);
__asm__(".text\n .type trap_itself, @function\ntrap_itself:\n" RUNG " int3\n" RUNG
        " ret\n .size trap_itself, . - trap_itself\n");

/* Calls itself `depth` times, with a rung for each. */
void descend(volatile int *rungs, long depth);
__asm__(".text\n .type descend, @function\ndescend:\n" RUNG
        " test %rsi, %rsi\n jz 1f\n dec %rsi\n call descend\n 1: ret\n .size descend, . - descend\n");

/* read(fd, memory, 1) */
void nap(long fd, volatile int *rungs);
__asm__(".text\n .type nap, @function\nnap:\n mov $1, %edx\n xor %eax, %eax\n syscall\n ret\n .size nap, . - "
        "nap\n");

static volatile int *rungs; /* shared */
static int handled;

static void say(const char *what, int number)
{
    printf("%s %d\n", what, number);
    fflush(stdout);
}

/* Runs the body in a child, and tells how far it came and how it ended. */
static int in_child(void (*body)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    waitpid(child, &status, 0);
    say("rungs", *rungs);
    say("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

static void body_ascend(void)
{
    ascend(rungs);
}

static void body_ascend_often(void)
{
    for (int i = 0; i < 5; i++)
        ascend(rungs);
}

static void body_climb(void)
{
    climb(rungs);
}

static void body_later(void)
{
    void *library = dlopen(LIBCLIMB_LATER, RTLD_NOW);
    void (*later)(volatile int *) = NULL;
    *(void **)&later = library ? dlsym(library, "climb_later") : NULL;
    if (later)
        later(rungs);
}

/* The library is opened by one thread and used by another, which waits meanwhile. */
static void *use_later;
static void *thread_use(void *go)
{
    char byte;
    void (*later)(volatile int *) = NULL;
    if (read(((int *)go)[0], &byte, 1) != 1)
        return NULL;
    *(void **)&later = use_later;
    later(rungs);
    return NULL;
}

static void body_elsewhere(void)
{
    int go[2];
    pthread_t thread;
    if (pipe(go) != 0 || pthread_create(&thread, NULL, thread_use, go) != 0)
        _exit(9);
    void *library = dlopen(LIBCLIMB_LATER, RTLD_NOW);
    use_later = library ? dlsym(library, "climb_later") : NULL;
    if (!use_later || write(go[1], "g", 1) != 1)
        _exit(9);
    pthread_join(thread, NULL);
}

static void body_forever(void)
{
    for (;;)
        ascend(rungs);
}

static void body_copy(void)
{
    static const char from[1000] = {[0 ... 999] = 1};
    copy((char *)(rungs + 1), from, sizeof(from));
}

static void body_fill(void)
{
    fill((char *)(rungs + 1), 1, 1000);
}

static int count_bytes(void (*body)(void))
{
    in_child(body);
    int bytes = 0;
    for (int i = 0; i < 1000; i++)
        bytes += ((char *)(rungs + 1))[i];
    say("bytes", bytes);
    return 0;
}

/* Long enough that its instructions would be noticed among those of the call. */
static void on_signal(int number)
{
    (void)number;
    for (volatile int i = 0; i < 100; i++)
        continue;
    handled++;
}

static void body_handler(void)
{
    signal(SIGUSR1, on_signal);
    signal_itself(rungs, getpid(), SIGUSR1);
    _exit(handled);
}

static void body_other_stack(void)
{
    static char memory[64 * 1024];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    signal_itself(rungs, getpid(), SIGUSR1);
}

static int own_trap(void)
{
    signal(SIGTRAP, on_signal);
    trap_itself(rungs);
    trap_itself(rungs);
    raise(SIGTRAP);
    say("rungs", *rungs);
    say("handled", handled);
    return 0;
}

static jmp_buf out;
void jump_out(void);
void __attribute__((noinline)) jump_out(void)
{
    ascend(rungs);
    longjmp(out, 1);
}

static void body_jump(void)
{
    if (setjmp(out) == 0)
        jump_out();
    ascend(rungs);
}

static ucontext_t here, there;
static void other_side(void)
{
    ascend(rungs);
    swapcontext(&there, &here);
}

void switch_stacks(void);
void __attribute__((noinline)) switch_stacks(void)
{
    static char memory[64 * 1024];
    getcontext(&there);
    there.uc_stack.ss_sp = memory;
    there.uc_stack.ss_size = sizeof(memory);
    makecontext(&there, other_side, 0);
    swapcontext(&here, &there);
    ascend(rungs);
}

static void body_recursion(void)
{
    descend(rungs, 5);
}

void run_another(void);
void __attribute__((noinline)) run_another(void)
{
    ascend(rungs);
    execl("/proc/self/exe", "stepper", "nothing", (char *)NULL);
    _exit(9);
}

static int vforked(void)
{
    pid_t child = vfork();
    if (child == 0) {
        ascend(rungs);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    ascend(rungs);
    say("rungs", *rungs);
    say("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

enum { THREADS = 2, CALLS = 50 };

static void *thread_ascend(void *own)
{
    for (int i = 0; i < CALLS; i++)
        ascend(own);
    return NULL;
}

static int threads(void)
{
    pthread_t all[THREADS];
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&all[i], NULL, thread_ascend, (void *)(rungs + i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
    say("rungs", rungs[0] + rungs[1]);
    return 0;
}

static int pipe_ends[2];

static void body_nap(void)
{
    nap(pipe_ends[0], rungs + 1);
}

static int napping(void)
{
    if (pipe(pipe_ends) != 0)
        return 9;
    return in_child(body_nap);
}

static void body_no_nap(void)
{
    if (write(pipe_ends[1], "x", 1) == 1)
        nap(pipe_ends[0], rungs + 1);
}

static int awake(void)
{
    if (pipe(pipe_ends) != 0)
        return 9;
    return in_child(body_no_nap);
}

static const struct scene {
    const char *name;
    int (*play)(void);
    void (*body)(void);
    int (*play_body)(void (*body)(void));
} scenes[] = {
    {"static", NULL, body_ascend, in_child},
    {"often", NULL, body_ascend_often, in_child},
    {"library", NULL, body_climb, in_child},
    {"later", NULL, body_later, in_child},
    {"elsewhere", NULL, body_elsewhere, in_child},
    {"forever", NULL, body_forever, in_child},
    {"copy", NULL, body_copy, count_bytes},
    {"fill", NULL, body_fill, count_bytes},
    {"handler", NULL, body_handler, in_child},
    {"other-stack", NULL, body_other_stack, in_child},
    {"jump", NULL, body_jump, in_child},
    {"coroutine", NULL, switch_stacks, in_child},
    {"recursion", NULL, body_recursion, in_child},
    {"exec", NULL, run_another, in_child},
    {"trap", own_trap, NULL, NULL},
    {"vfork", vforked, NULL, NULL},
    {"threads", threads, NULL, NULL},
    {"nap", napping, NULL, NULL},
    {"awake", awake, NULL, NULL},
};

int main(int argc, char **argv)
{
    rungs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (argc < 2 || rungs == MAP_FAILED)
        return 9;
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
        if (strcmp(scenes[i].name, argv[1]) == 0)
            return scenes[i].body ? scenes[i].play_body(scenes[i].body) : scenes[i].play();
    return 0;
}
