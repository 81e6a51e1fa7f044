/* phrases.h - what threads, waits, objects and deaths are called when a person is told about them;
 * every phrase lives in the case's scratch arena. */
#ifndef PF_JUDGE_PHRASES_H
#define PF_JUDGE_PHRASES_H

#include "judge/case.h"

/* What a thread does, to follow its name: "waits for data from a pipe (fd 4)". */
const char *pf_phrase_wait(const struct pf_case *c, const struct pf_thread_state *thread);
/* Why the wait may still end, as " (reason)"; empty where the wait says so itself, or nothing is known. */
const char *pf_phrase_doubt(const struct pf_case *c, const struct pf_graph_thread *thread);
/* A member of an epoll set with data that it does not tell of again; NULL: none. */
const struct pf_object *pf_phrase_untold(const struct pf_case *c, const struct pf_object *set);
/* What a waker would act on: "pipe (fd 4)", "mutex at 0x7f00 in anonymous shared memory". */
const char *pf_phrase_resource(const struct pf_case *c, const struct pf_thread_state *thread,
                               const struct pf_target *target);
/* What a waker would have to do: "write to it", "unlock it", "end". */
const char *pf_phrase_deed(const struct pf_thread_state *thread, const struct pf_target *target,
                           const struct pf_object *object);
/* How a process ended: "was killed by SIGTERM", "ended with status 1", "lives". */
const char *pf_phrase_end(const struct pf_case *c, const struct pf_life *life);
/* Where a thread stands in its own code: "produce at feeder.c:31"; NULL: not known. */
const char *pf_phrase_where(const struct pf_case *c, const char *thread);
/* The same of a stack; NULL: no stack. */
const char *pf_phrase_stack(const struct pf_case *c, const struct pf_ev_stack *stack);
/* "250 ms", "10 s". */
const char *pf_phrase_time(struct pf_arena *arena, uint64_t ns);
/* "1 byte", "3 bytes": the word must take an s for its plural. */
const char *pf_phrase_count(struct pf_arena *arena, uint64_t count, const char *word);
/* "a", "a and b", "a, b and c". */
const char *pf_phrase_list(struct pf_arena *arena, const char *const *items, size_t count);

#endif
