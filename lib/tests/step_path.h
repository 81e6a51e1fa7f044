/*
 * Comes to a kill point sooner than by single steps from the start.
 *
 * A step costs a trap, and sweeps of long calls spend hours in them. So the child runs unstepped to an
 * instruction before the point, by a hardware breakpoint, and is stepped only from there. In a loop the
 * breakpoint traps once a round: each point goes by whichever instruction takes the fewest traps.
 */
#ifndef MPROC_TESTS_STEP_PATH_H
#define MPROC_TESTS_STEP_PATH_H

#include <stddef.h>
#include <sys/user.h>

#include "step.h"

/* How a point is reached: the breakpoint is passed so often, then so many steps. */
struct step_route {
    unsigned long rip; /* of the breakpoint */
    long hits, steps;
};

/* A call as it went without a kill. */
struct step_path {
    struct step_route *routes;
    long count; /* instructions, the exit included */
};

static void step_path_grow(struct step_path *path, pid_t pid, long *ret_room)
{
    if (path->count == *ret_room) {
        *ret_room = *ret_room ? 2 * *ret_room : 4096;
        path->routes = realloc(path->routes, (size_t)*ret_room * sizeof(path->routes[0]));
        if (!path->routes)
            abort();
    }
    unsigned long rip = (unsigned long)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
    path->routes[path->count] = (struct step_route){.rip = rip};
}

/* How often the instruction at each point was come to until then. A repeated string instruction is stepped
 * round by round, but passes a breakpoint as one. */
static void step_path_number(struct step_path *path)
{
    enum { SLOTS = 1 << 18, NEVER = 1 << 30 };
    struct seen {
        unsigned long rip;
        long hits;
    } *seen = calloc(SLOTS, sizeof(*seen));

    if (!seen || path->count >= SLOTS)
        abort();
    for (long i = 0; i < path->count; i++) {
        unsigned long rip = path->routes[i].rip;
        unsigned long at = rip * 0x9e3779b97f4a7c15u >> 46;
        while (seen[at].rip && seen[at].rip != rip)
            at = (at + 1) % SLOTS;
        bool repeats = i > 0 && path->routes[i - 1].rip == rip;
        seen[at].rip = rip;
        path->routes[i].hits = repeats ? NEVER : ++seen[at].hits;
    }
    free(seen);
}

/* Walks through body(arg) once. A path of no instructions: the kernel does not let us trace. */
static struct step_path step_path_of(step_body *body, void *arg)
{
    struct step_path path = {0};
    long room = 0;
    pid_t pid = step_start(body, arg);

    if (pid == 0)
        return path;
    step_path_grow(&path, pid, &room);
    while (step_over(pid, 1)) {
        path.count++;
        step_path_grow(&path, pid, &room);
    }
    step_path_number(&path);
    for (long i = 1; i < path.count; i++) {
        const struct step_route *before = &path.routes[i - 1];
        if (before->hits + before->steps + 1 < path.routes[i].hits)
            path.routes[i] = (struct step_route){before->rip, before->hits, before->steps + 1};
    }
    return path;
}

static bool step_break_at(pid_t pid, unsigned long rip)
{
    return ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), rip) == 0 &&
           ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), rip ? 1UL : 0UL) == 0;
}

/* From the start of the call to a point; beyond the path's end, as far as it goes. Returns false when the
 * child ended before, and is reaped. */
static bool step_along(pid_t pid, const struct step_path *path, long at)
{
    long known = at < path->count ? at : path->count - 1;
    struct step_route route = path->routes[known];
    int status;

    if (!step_break_at(pid, route.rip))
        return step_over(pid, at);
    for (long i = 0; i < route.hits; i++) {
        if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
            !WIFSTOPPED(status))
            return false;
    }
    step_break_at(pid, 0);
    return step_over(pid, route.steps + at - known);
}

#endif
