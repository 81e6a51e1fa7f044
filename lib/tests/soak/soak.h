/*
 * A soak: round after round, processes that use the library are killed, stopped, continued and limited at
 * random moments under load, and a ledger in memory that they share must balance at the end of each round.
 *
 * All choices of a round follow from its seed; the moments at which they strike are the machine's.
 */
#ifndef MPROC_SOAK_H
#define MPROC_SOAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOAK_HANG_MS = 15000, SOAK_CREW_MAX = 8 };

/* What one round is given, and what it counts. */
struct soak_round {
    uint64_t random; /* state of soak_random() */
    uint64_t end_ns;
    uint64_t kills;
    uint64_t stops;
    uint64_t limits;
    uint64_t messages;
    uint64_t tasks;
    uint64_t sections;
    uint64_t calls;    /* of a manager */
    uint64_t meetings; /* at barriers, and for events */
    uint64_t frames;
    uint64_t records;
    char failure[256]; /* empty: it balances */
};

/* A number below `bound`. */
uint32_t soak_random(struct soak_round *round, uint32_t bound);

/* Notes a failure, the first one of the round; returns false, so that one writes `return soak_fail(…)`. */
bool soak_fail(struct soak_round *round, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Zeroed memory that is shared with the processes to come. Ends the program when there is none. */
void *soak_share(size_t size);

/* In a process of a crew: ends it with the code unless it holds. */
void soak_must(bool holds, int code);

/* In a process of a crew: whether it is to end, which whoever joins it says. */
bool soak_is_over(void);

/* Says so ahead of the join, where those who sleep have to be woken for it. */
void soak_call_off(void);

/* Whether this error is what a limit brings about: nothing has happened, and one tries again. */
bool soak_is_limit(int err);

/* A round of each kind: returns whether it balances. */
bool soak_queue(struct soak_round *round);
bool soak_sync(struct soak_round *round);
bool soak_pool(struct soak_round *round);
bool soak_manager(struct soak_round *round);
bool soak_event(struct soak_round *round);
bool soak_barrier(struct soak_round *round);
bool soak_shm(struct soak_round *round);
bool soak_pipe(struct soak_round *round);
bool soak_log(struct soak_round *round);

/* Somebody to be disturbed: never by a bare pid, which may be another process by the time it is continued. */
struct soak_victim {
    pid_t pid;
    int pidfd;
    uint64_t until_ns; /* 0: neither stopped nor limited */
    bool has_limit;
    bool was_limited; /* ever: a signal that a limit sends may have killed it */
};

bool soak_victim_open(pid_t pid, struct soak_victim *ret_victim);
void soak_victim_close(struct soak_victim *victim);

/* Stops it for some milliseconds. */
void soak_stop(struct soak_round *round, struct soak_victim *victim);

/* Stops it, or takes a limit away from it, for some milliseconds. */
void soak_disturb(struct soak_round *round, struct soak_victim *victim);

/* Lets it go on: when its time has come, or at once. */
void soak_restore(struct soak_victim *victim, bool at_once);

/* Processes that each do one thing until they are killed and replaced, or their work is over. */
struct soak_crew {
    unsigned count;
    /* Does not return: ends with 0 when the work is over, else with a number that `words` explains. `life` is
     * new for each process. */
    void (*run)(void *user, unsigned role, uint32_t life);
    void *user;
    const char *(*words)(int code);
    void (*buried)(void *user, unsigned role); /* one was killed; may be NULL */
    struct soak_victim *server; /* on whom they depend: stopped now and then, too; may be NULL */
    /* Kills the server and starts another one in its place; NULL: it is not killed. Returns whether there is
     * one. */
    bool (*renew_server)(struct soak_round *round, void *user, struct soak_victim *server);
    uint32_t lives_max;
    uint32_t lives;
    uint32_t killed;
    struct soak_victim members[SOAK_CREW_MAX];
};

/* Starts all, disturbs them until the end of the round, and lets all that are stopped or limited go on. They
 * still run then. */
bool soak_crew_rage(struct soak_round *round, struct soak_crew *crew);

/* Tells all that it is over, and waits until they have ended by themselves. */
bool soak_crew_join(struct soak_round *round, struct soak_crew *crew);

/* Kills those who are left, if any. */
void soak_crew_kill(struct soak_crew *crew);

#endif
