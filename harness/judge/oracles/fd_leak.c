/*
 * fd-leak: descriptors that nobody closes.
 *
 * Who meets the limit of descriptors may need many. It is told that most of them are of no use any more, or
 * of one file; but whoever has them might still close them: a warning beside the limit.
 *
 * A process that went the way it goes without faults, and ends with more open than there, has an error path
 * that forgets to close: a failure. It is asked of those whose call failed or was cut short by a fault. Who
 * was to close and could not has not forgotten it.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"
#include "model/baseline.h"

/* Standard input, output and error may well be one terminal, and more than half of a very low limit. */
enum { MANY = 8 };

static const char *const kind_words[PF_OBJECT__COUNT] = {
    [PF_OBJECT_OTHER] = "other descriptor",
    [PF_OBJECT_PIPE] = "end of a pipe",
    [PF_OBJECT_FIFO] = "FIFO",
    [PF_OBJECT_SOCKET] = "socket",
    [PF_OBJECT_FILE] = "file",
    [PF_OBJECT_TTY] = "terminal",
    [PF_OBJECT_EVENTFD] = "eventfd",
    [PF_OBJECT_TIMERFD] = "timerfd",
    [PF_OBJECT_SIGNALFD] = "signalfd",
    [PF_OBJECT_EPOLL] = "epoll set",
    [PF_OBJECT_PIDFD] = "pidfd",
    [PF_OBJECT_INOTIFY] = "inotify",
    [PF_OBJECT_MQUEUE] = "message queue",
};

/* "2 files", "1 end of a pipe". */
static const char *count_of_kind(struct pf_case *c, uint64_t count, enum pf_object_kind kind)
{
    if (kind == PF_OBJECT_PIPE && count != 1)
        return pf_arena_printf(c->scratch, "%" PRIu64 " ends of pipes", count);
    return pf_phrase_count(c->scratch, count, kind_words[kind] ? kind_words[kind] : "descriptor");
}

static void warn(struct pf_case *c, const struct pf_event *event, const char *message)
{
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_FD_LEAK, PF_SEVERITY_WARN, event->descriptors.process, message);
    pf_case_cite(c, finding, event->descriptors.limit);
    pf_case_cite(c, finding, event->seq);
}

static bool is_most(uint64_t part, uint64_t total)
{
    return part >= MANY && part > total / 2;
}

static void look_at_exhausted(struct pf_case *c, const struct pf_event *event)
{
    const struct pf_ev_descriptors *seen = &event->descriptors;
    uint64_t total = pf_descriptors_count(seen->open, seen->open_count, PF_OBJECT__COUNT), dangling = 0;
    const char **kinds = NULL;
    size_t kind_count = 0;
    for (size_t i = 0; i < seen->open_count; i++) {
        const struct pf_descriptors *open = &seen->open[i];
        dangling += open->dangling;
        if (open->dangling)
            *(const char **)pf_arena_grow(c->scratch, &kinds, &kind_count, sizeof(*kinds)) =
                count_of_kind(c, open->dangling, open->kind);
        if (open->path && is_most(open->count, total))
            warn(c, event,
                 pf_arena_printf(c->scratch,
                                 "%s has %" PRIu64 " of its %" PRIu64 " descriptors for one and the same: %s",
                                 pf_case_label(c, seen->process), open->count, total, open->path));
    }
    if (is_most(dangling, total))
        warn(c, event,
             pf_arena_printf(c->scratch,
                             "of the %" PRIu64
                             " descriptors that %s has open, nothing will ever come through %" PRIu64
                             " again (%s): the other end is closed, or open in the same process only",
                             total, pf_case_label(c, seen->process), dangling,
                             pf_phrase_list(c->scratch, kinds, kind_count)));
}

static bool begins_with(const char *text, const char *prefix)
{
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A call that closes descriptors, also as what execve does beside. */
static bool closes(const char *call)
{
    return begins_with(call, "close") || begins_with(call, "dup") || begins_with(call, "exec");
}

/* The first fault that made a call of the process fail or fall short; NULL: none, or it kept it from closing.
 */
static const struct pf_event *find_strike(struct pf_case *c, const struct pf_life *life)
{
    const struct pf_event *first = NULL;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event == life->exit)
            break;
        if (event->kind != PF_EVENT_INJECT || !event->inject.thread ||
            strcmp(pf_process_of(event->inject.thread, c->scratch), life->process) != 0)
            continue;
        if (closes(event->inject.at))
            return NULL;
        if (!first &&
            (begins_with(event->inject.action, "error=") || begins_with(event->inject.action, "short=")))
            first = event;
    }
    return first;
}

static const struct pf_expect_process *expected_of(const struct pf_case *c, const char *process)
{
    const struct pf_expect *expect = &c->begin->expect;
    for (size_t i = 0; i < expect->process_count; i++)
        if (strcmp(expect->processes[i].process, process) == 0)
            return &expect->processes[i];
    return NULL;
}

static uint64_t count_of_path(const struct pf_expect_process *expected, const char *path)
{
    for (size_t i = 0; i < expected->open_count; i++)
        if (expected->open[i].path && strcmp(expected->open[i].path, path) == 0)
            return expected->open[i].count;
    return 0;
}

/* What of that kind is open more often than expected, by name. */
static const char *surplus_paths(struct pf_case *c, const struct pf_ev_descriptors *seen,
                                 const struct pf_expect_process *expected, enum pf_object_kind kind)
{
    const char **paths = NULL;
    size_t count = 0;
    for (size_t i = 0; i < seen->open_count; i++)
        if (seen->open[i].kind == kind && seen->open[i].path &&
            seen->open[i].count > count_of_path(expected, seen->open[i].path))
            *(const char **)pf_arena_grow(c->scratch, &paths, &count, sizeof(*paths)) = seen->open[i].path;
    return count ? pf_arena_printf(c->scratch, " (%s)", pf_phrase_list(c->scratch, paths, count)) : "";
}

/* More of some kind than without faults, and more altogether: another way to do it is no leak. */
static const char *surplus(struct pf_case *c, const struct pf_ev_descriptors *seen,
                           const struct pf_expect_process *expected)
{
    const char **items = NULL;
    size_t count = 0;
    if (pf_descriptors_count(seen->open, seen->open_count, PF_OBJECT__COUNT) <=
        pf_descriptors_count(expected->open, expected->open_count, PF_OBJECT__COUNT))
        return NULL;
    for (int i = 0; i < PF_OBJECT__COUNT; i++) {
        enum pf_object_kind kind = (enum pf_object_kind)i;
        uint64_t has = pf_descriptors_count(seen->open, seen->open_count, kind);
        uint64_t should = pf_descriptors_count(expected->open, expected->open_count, kind);
        if (has > should)
            *(const char **)pf_arena_grow(c->scratch, &items, &count, sizeof(*items)) =
                pf_arena_printf(c->scratch, "%s%s", count_of_kind(c, has - should, kind),
                                surplus_paths(c, seen, expected, kind));
    }
    return pf_phrase_list(c->scratch, items, count);
}

static void look_at_ended(struct pf_case *c, const struct pf_event *event)
{
    const struct pf_ev_descriptors *seen = &event->descriptors;
    const struct pf_life *life = pf_history_life(c->history, seen->process);
    const struct pf_expect_process *expected = expected_of(c, seen->process);
    if (!life || !life->exit || !expected || life->exit->exit.signaled ||
        life->exit->exit.code != expected->code)
        return;
    const struct pf_event *strike = find_strike(c, life);
    const char *more = strike ? surplus(c, seen, expected) : NULL;
    if (!more)
        return;
    const char *message =
        pf_arena_printf(c->scratch, "%s %s as without faults, but with more open: %s; %s had struck it at %s",
                        pf_case_label(c, seen->process), pf_phrase_end(c, life), more, strike->inject.action,
                        strike->inject.at);
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_FD_LEAK, PF_SEVERITY_FAIL, seen->process, message);
    pf_case_cite(c, finding, strike->seq);
    pf_case_cite(c, finding, event->seq);
}

void pf_oracle_fd_leak(struct pf_case *c)
{
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event == c->history->verdict)
            break;
        if (event->kind != PF_EVENT_DESCRIPTORS)
            continue;
        if (event->descriptors.limit)
            look_at_exhausted(c, event);
        else
            look_at_ended(c, event);
    }
}
