/*
 * ipc-leak: the tree has ended by itself, and what it made for its processes to talk with is still there:
 * System V and POSIX objects, socket files, temporary files. Kernel objects belong to nobody any more: always
 * a failure. A temporary file may be what the program is for: a warning, unless runs without faults leave
 * fewer, and no fault has killed anybody: nobody can take files away after SIGKILL, and everybody may use
 * temporary files. Whatever it is, a warning where faults have made as many removals fail: nobody could do
 * more than try.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"
#include "model/baseline.h"

/* The calls that take it away stand between commas. */
static const struct kind {
    const char *kind, *one, *many, *removals;
} ipc_kinds[] = {
    {"sysv-shm", "System V shared memory segment", "System V shared memory segments", ",shmctl,"},
    {"sysv-sem", "System V semaphore set", "System V semaphore sets", ",semctl,"},
    {"sysv-msg", "System V message queue", "System V message queues", ",msgctl,"},
    {"shm", "POSIX shared memory object", "POSIX shared memory objects", ",unlink,unlinkat,"},
    {"sem", "named POSIX semaphore", "named POSIX semaphores", ",unlink,unlinkat,"},
    {"mqueue", "POSIX message queue", "POSIX message queues", ",mq_unlink,"},
};
static const struct kind socket_kind = {NULL, "socket file", "socket files", ",unlink,unlinkat,rmdir,"};
static const struct kind file_kind = {NULL, "temporary file", "temporary files", ",unlink,unlinkat,rmdir,"};

struct pile {
    const char **names;
    size_t name_count;
    const struct pf_event **events;
    size_t event_count;
};

static void pile_up(struct pf_case *c, struct pile *pile, const struct pf_event *event, const char *name)
{
    *(const char **)pf_arena_grow(c->scratch, &pile->names, &pile->name_count, sizeof(name)) = name;
    *(const struct pf_event **)pf_arena_grow(c->scratch, &pile->events, &pile->event_count, sizeof(event)) =
        event;
}

static bool is_ended_by_fault(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_event *event;
    return life->exit && life->exit->exit.signaled &&
           pf_history_cause(c->history, life, &event) == PF_CAUSE_INJECTED;
}

/* Without a chance to clean up. */
static bool is_anybody_killed(const struct pf_case *c)
{
    for (size_t i = 0; i < c->history->life_count; i++)
        if (is_ended_by_fault(c, &c->history->lives[i]) && c->history->lives[i].exit->exit.code == SIGKILL)
            return true;
    return false;
}

/* Who was ended by a fault could not clean up, or did not: the reader is to know. */
static const char *tell_of_the_ended(struct pf_case *c)
{
    const char **ended = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->history->life_count; i++)
        if (is_ended_by_fault(c, &c->history->lives[i]))
            *(const char **)pf_arena_grow(c->scratch, &ended, &count, sizeof(*ended)) =
                pf_case_label(c, c->history->lives[i].process);
    return count ? pf_arena_printf(c->scratch, "; an injected fault had ended %s",
                                   pf_phrase_list(c->scratch, ended, count))
                 : "";
}

/* A removal that a fault has made fail. */
static bool is_refused(struct pf_case *c, const struct pf_event *event, const char *removals)
{
    return event->kind == PF_EVENT_INJECT && strncmp(event->inject.action, "error=", 6) == 0 &&
           strstr(removals, pf_arena_printf(c->scratch, ",%s,", event->inject.at));
}

static size_t count_refused(struct pf_case *c, const char *removals)
{
    size_t count = 0;
    for (size_t i = 0; i < c->trace->count; i++)
        count += is_refused(c, c->trace->events[i], removals);
    return count;
}

static void report(struct pf_case *c, enum pf_severity severity, const struct pile *pile,
                   const struct kind *kind)
{
    enum { CITED = 8 };
    size_t refused = count_refused(c, kind->removals);
    const char *message = pf_arena_printf(
        c->scratch, "%zu %s left behind when the last process had ended: %s%s%s", pile->name_count,
        pile->name_count == 1 ? pf_arena_printf(c->scratch, "%s was", kind->one)
                              : pf_arena_printf(c->scratch, "%s were", kind->many),
        pf_phrase_list(c->scratch, pile->names, pile->name_count), tell_of_the_ended(c),
        refused ? pf_arena_printf(c->scratch, "; an injected fault had made %s fail",
                                  refused == 1 ? "a removal" : "removals")
                : "");
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_IPC_LEAK, severity, NULL, message);
    for (size_t i = 0; i < pile->event_count && i < CITED; i++)
        pf_case_cite(c, finding, pile->events[i]->seq);
    for (size_t i = 0, cited = 0; i < c->trace->count && cited < CITED; i++)
        if (is_refused(c, c->trace->events[i], kind->removals)) {
            pf_case_cite(c, finding, c->trace->events[i]->seq);
            cited++;
        }
}

static const char *describe(struct pf_case *c, const struct pf_ev_left *left)
{
    bool memory = strcmp(left->kind, "sysv-shm") == 0 || strcmp(left->kind, "shm") == 0;
    const char *size = memory ? pf_arena_printf(c->scratch, "%" PRIu64 " bytes", left->size) : NULL;
    const char *maker =
        left->process ? pf_arena_printf(c->scratch, "made by %s", pf_case_label(c, left->process)) : NULL;
    if (!size && !maker)
        return left->name;
    return pf_arena_printf(c->scratch, "%s (%s%s%s)", left->name, size ? size : "", size && maker ? ", " : "",
                           maker ? maker : "");
}

static enum pf_severity severity_of_objects(struct pf_case *c, const struct pile *pile,
                                            const struct kind *kind)
{
    return pile->name_count > count_refused(c, kind->removals) ? PF_SEVERITY_FAIL : PF_SEVERITY_WARN;
}

static void look_for_objects(struct pf_case *c, const struct kind *kind)
{
    struct pile pile = {0};
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_LEFT && strcmp(event->left.kind, kind->kind) == 0)
            pile_up(c, &pile, event, describe(c, &event->left));
    }
    if (pile.name_count)
        report(c, severity_of_objects(c, &pile, kind), &pile, kind);
}

static bool is_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* How many there are beside the folders that cannot go before others do. */
static size_t count_bare(const struct pile *files)
{
    size_t count = 0;
    for (size_t i = 0; i < files->name_count; i++) {
        size_t within = 0;
        for (size_t j = 0; j < files->name_count; j++)
            within += is_in(files->names[j], files->names[i]);
        count += within == 0;
    }
    return count;
}

static enum pf_severity severity_of_files(struct pf_case *c, const struct pile *files)
{
    const struct pf_expect *expect = &c->begin->expect;
    bool excused =
        is_anybody_killed(c) || count_bare(files) <= expect->leftovers + count_refused(c, file_kind.removals);
    return expect->baseline && !excused ? PF_SEVERITY_FAIL : PF_SEVERITY_WARN;
}

static void look_for_files(struct pf_case *c)
{
    const struct pf_expect *expect = &c->begin->expect;
    struct pile sockets = {0}, files = {0};
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_FILE || !pf_is_leftover(&event->file))
            continue;
        bool socket = strcmp(event->file.type, "socket") == 0;
        pile_up(c, socket && !expect->baseline ? &sockets : &files, event, event->file.path);
    }
    if (sockets.name_count)
        report(c, severity_of_objects(c, &sockets, &socket_kind), &sockets, &socket_kind);
    if (files.name_count && (!expect->baseline || files.name_count > expect->leftovers))
        report(c, severity_of_files(c, &files), &files, &file_kind);
}

void pf_oracle_leftovers(struct pf_case *c)
{
    if (pf_case_verdict(c) != PF_VERDICT_FINISHED)
        return;
    for (size_t i = 0; i < sizeof(ipc_kinds) / sizeof(ipc_kinds[0]); i++)
        look_for_objects(c, &ipc_kinds[i]);
    look_for_files(c);
}
