/* Call stacks of threads under ptrace, which the test is the tracer of. */
#include "scene.h"

#include <sys/ptrace.h>

#include "model/event.h"

static int ends[2];

__attribute__((noinline)) static void wait_for_byte(void)
{
    char byte;
    scene_mark();
    if (read(ends[0], &byte, 1) < 0)
        _exit(1);
}

/* Two that the compiler puts into one, and the lines that each has reached. */
enum { PUT_IN = __LINE__ + 4, PUT_INTO = __LINE__ + 10 };

__attribute__((always_inline)) static inline void wait_inlined(void)
{
    wait_for_byte();
}

__attribute__((noinline)) static void play_inlined(void *context)
{
    (void)context;
    wait_inlined();
    _exit(0);
}

__attribute__((noinline)) static void play_deep(void *context)
{
    (void)context;
    wait_for_byte();
    _exit(0);
}

static void stop(pid_t pid)
{
    int status;
    cr_assert_eq(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
    cr_assert_eq(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
    cr_assert_eq(waitpid(pid, &status, __WALL), pid);
}

static size_t find(const struct pf_frame *frames, size_t count, const char *function)
{
    for (size_t i = 0; i < count; i++)
        if (frames[i].function && strcmp(frames[i].function, function) == 0)
            return i;
    return count;
}

Test(stack, names_functions_and_lines, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_deep, NULL, 1);
    stop(scene->root);
    struct pf_frame *frames;
    size_t count = 0;
    struct pf_stacks *stacks = pf_stacks_open(scene->root);
    cr_assert_eq(pf_stacks_read(stacks, scene->root, scene->arena, &frames, &count), 0);
    pf_stacks_close(stacks);
    size_t inner = find(frames, count, "wait_for_byte"), outer = find(frames, count, "play_deep");
    cr_assert_lt(inner, outer);
    cr_assert_lt(outer, count);
    cr_assert_leq(count, 32);
    cr_assert(frames[inner].file && strstr(frames[inner].file, "test_stack.c"));
    cr_assert_gt(frames[inner].line, 10);
    cr_assert_lt(frames[inner].line, frames[outer].line);
    cr_assert(strstr(frames[inner].module, "probe_stack"));
    scene_end(scene);
}

/* A line of the one under the name of the other would be nowhere in the program. */
Test(stack, tells_what_was_inlined_with_its_own_lines, .timeout = 60)
{
    cr_assert_eq(pipe(ends), 0);
    struct scene *scene = scene_play(play_inlined, NULL, 1);
    stop(scene->root);
    struct pf_frame *frames;
    size_t count = 0;
    struct pf_stacks *stacks = pf_stacks_open(scene->root);
    cr_assert_eq(pf_stacks_read(stacks, scene->root, scene->arena, &frames, &count), 0);
    pf_stacks_close(stacks);
    size_t inner = find(frames, count, "wait_inlined");
    cr_assert_lt(inner + 1, count);
    cr_expect_str_eq(frames[inner + 1].function, "play_inlined");
    for (size_t i = inner; i <= inner + 1; i++)
        cr_expect(frames[i].file && strstr(frames[i].file, "test_stack.c"), "frame %zu", i);
    cr_expect_eq(frames[inner].line, PUT_IN, "%llu", (unsigned long long)frames[inner].line);
    cr_expect_eq(frames[inner + 1].line, PUT_INTO, "%llu", (unsigned long long)frames[inner + 1].line);
    scene_end(scene);
}

Test(stack, a_thread_that_is_not_there_has_none, .timeout = 60)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_frame *frames;
    size_t count = 0;
    cr_assert_null(pf_stacks_open(0x3fffff));
    cr_assert_eq(pf_stacks_read(NULL, 0x3fffff, arena, &frames, &count), -ENODATA);
    /* Not stopped, and not traced: no registers to begin with. */
    struct pf_stacks *stacks = pf_stacks_open(getppid());
    cr_assert_eq(pf_stacks_read(stacks, getppid(), arena, &frames, &count), -ENODATA);
    pf_stacks_close(stacks);
    pf_arena_free(arena);
}
