/*
 * kinds.h - one kind of wait and the one partner who could end it, on real kernel objects.
 *
 * `waits KIND stuck` and `waits KIND near` play the same scene: the root comes to wait, and a partner (a
 * child, or a thread) could end the wait. In the first the partner waits for the root in turn, so both are
 * stuck for good. In the second it waits for a byte on standard input, that is for somebody outside: nothing
 * is proven, and when the byte comes, the wait ends and so does the program.
 */
#ifndef PF_TESTS_WAITS_KINDS_H
#define PF_TESTS_WAITS_KINDS_H

#include <stdbool.h>
#include <stddef.h>

enum claim {
    PROVEN,  /* nobody but the partner could end the wait */
    SETTLED, /* the same, once what the kernel still moves has come to rest */
    NEVER,   /* somebody outside always could, or it ends by itself */
};

struct kind {
    const char *name;
    const char *call; /* the system call that the root waits in */
    void (*prepare)(void);
    void (*take)(void); /* played by the partner before the root comes to wait */
    void (*wait)(void);
    void (*wake)(void);
    enum claim claim;
    bool thread; /* the partner is a thread of the same process */
    bool cousin; /* the partner is another process in the same memory */
    bool vfork;  /* the partner is made by vfork, and that is the wait */
};

#define KIND(kind_name, in_call, does_prepare, does_take, does_wait, does_wake, ...)                         \
    {                                                                                                        \
        .name = (kind_name), .call = (in_call), .prepare = (does_prepare), .take = (does_take),              \
        .wait = (does_wait), .wake = (does_wake), __VA_ARGS__                                                \
    }

struct kinds {
    const struct kind *list;
    size_t count;
};

#define KINDS(array)                                                                                         \
    {                                                                                                        \
        (array), sizeof(array) / sizeof((array)[0])                                                          \
    }

extern const struct kinds descriptor_kinds, socket_kinds, memory_kinds, lock_kinds, queue_kinds,
    process_kinds;

extern int partner; /* pid of the child, once there is one */

/* Ends the program with a message, unless the condition holds. */
#define NEED(condition) ((condition) ? (void)0 : need_failed(#condition, __FILE__, __LINE__))
_Noreturn void need_failed(const char *condition, const char *file, int line);

void set_blocking(int fd, bool blocking);
void read_all_there_is(int fd);

#endif
