/*
 * crew.h - a process and the workers that it made of itself, by what they used: who handed how much to whom,
 * and what that cost.
 *
 * Only crews whose numbers fit together are seen: what the one wrote the others read, and the other way
 * round, and to every message there was an answer. Who waits for children of other programs, or passes bytes
 * on in one direction, has no crew.
 */
#ifndef PF_JUDGE_CREW_H
#define PF_JUDGE_CREW_H

#include "judge/case.h"

struct pf_crew {
    const struct pf_life *head;
    uint64_t workers;
    uint64_t answers;          /* writes of the workers */
    uint64_t moved;            /* bytes, in both directions together */
    bool in_turns;             /* one message, one answer */
    uint64_t head_ns;          /* processor time of the head since it made its first child */
    uint64_t worker_ns;        /* of all workers together */
    uint64_t worker_system_ns; /* of that: in the kernel */
    uint64_t system_ns;        /* of both: in the kernel */
    uint64_t own_ns;           /* of both: in their own code */
    uint64_t evidence[4];
};

/* The crew of a process; false where it has none, or nothing is known of it. */
bool pf_crew_of(const struct pf_case *c, const struct pf_life *head, struct pf_crew *ret_crew);
/* Do the workers spend no more on a task than the head on handing it over, on thousands of small ones? */
bool pf_crew_is_chatty(const struct pf_crew *crew);
/* Was most of the processor time spent on moving large amounts of data? */
bool pf_crew_is_bulky(const struct pf_crew *crew);
/* The workers, and what goes between them and the head, whose node is drawn already. */
void pf_crew_draw(struct pf_case *c, const struct pf_crew *crew, const char *what, const char *why);

#endif
