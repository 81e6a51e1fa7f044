/*
 * futexes.h - what a futex word is: which lock, and who has it.
 */
#ifndef PF_PROBE_FUTEXES_H
#define PF_PROBE_FUTEXES_H

#include "probe/calls.h"

/* One wait at one word. */
struct pf_futex_wait {
    uint64_t address;
    uint32_t value;    /* the wait began because the word was this */
    int operation;     /* FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI… without flags */
    bool process_only; /* the PRIVATE flag */
};

/* What the kernel calls the key of a futex: where the word is, whoever looks at it. */
struct pf_futex_key {
    const struct pf_mapping *mapping; /* NULL: private memory */
    uint64_t offset;                  /* in the mapped object */
};

/* What the memory around the word says it is: kind and owner_tid, PF_FUTEX_PLAIN when in doubt. */
void pf_futex_classify(struct pf_blocked *blocked, const struct pf_futex_wait *wait,
                       const struct pf_futex_key *key, struct pf_futex *ret_futex);

/* Whether the word is that which the kernel clears when a thread of the same process ends. */
bool pf_futex_is_join(struct pf_blocked *blocked, const struct pf_futex_wait *wait, uint32_t word);

/* Whether the owner lives without the memory that the lock is in. Of shared memory that says that it executed
 * another program, or unmapped it. */
bool pf_futex_is_left(struct pf_survey *survey, const struct pf_futex *futex);

/* Once all waits are decoded: names the owners of all words. */
void pf_futexes_settle(struct pf_survey *survey);

#endif
