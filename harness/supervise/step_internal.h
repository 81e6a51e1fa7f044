/*
 * step_internal.h - what the files of single-stepping share: step.c takes the stops, step_walk.c knows what
 * they mean for the calls that are followed, step_code.c where functions begin, step_thread.c speaks with the
 * kernel, step_record.c writes down.
 */
#ifndef PF_SUPERVISE_STEP_INTERNAL_H
#define PF_SUPERVISE_STEP_INTERNAL_H

#include "probe/functions.h"
#include "supervise/step.h"

/* A call of a function that somebody wants to know about. */
struct pf_aim {
    const struct pf_trigger *trigger;
    bool record;   /* write the call down instead of striking in it */
    bool searched; /* a process that it concerns has been looked at */
    bool found;    /* ... and has the function */
    bool indirect; /* ... or something of that name that stands for several */
};

struct pf_step {
    struct pf_aim *aims;
    size_t aim_count;
    struct pf_functions *functions;
    const struct pf_aim *crowded; /* its function lies at more places than there are debug registers */
    int refused;                  /* -errno of the kernel, when it gave no debug register */
    size_t sleepers;              /* calls that are to be struck once they sleep */
    uint64_t look_ns;             /* at those, next */
    bool turn_over;               /* a thread has taken many steps: it is the others' turn */
};

/* x86 has four debug registers; the last one belongs to the dynamic linker, or to the end of a leap. */
enum { PF_STEP_PLACES = 3, PF_STEP_REGISTERS = 4 };

struct pf_place {
    uint64_t address;
    size_t aim;
};

/* What is known of the code of one process. */
struct pf_code {
    struct pf_place *places;
    size_t place_count;
    uint64_t loader;  /* the dynamic linker calls this whenever it has mapped something; 0: no need to know */
    uint64_t version; /* changes with the places */
    uint64_t *calls;  /* so far, for each aim */
};

/* What a stopped thread is about to do. */
struct pf_stand {
    uint64_t ip, sp;
    uint64_t turns;  /* a repeated string instruction that writes memory: so many turns are left */
    uint64_t behind; /* ... and where the next instruction is */
    bool call;       /* it is a system call */
    bool restarts;   /* the system call before it was interrupted, and is to be made again */
    int64_t number;  /* of the system call that it makes */
};

enum pf_ended { PF_ENDED_RETURNED, PF_ENDED_LEFT, PF_ENDED_EXEC, PF_ENDED_EXIT, PF_ENDED_CUT };

struct pf_recording;

/* A call that is being stepped through. */
struct pf_followed {
    size_t aim;
    uint64_t number;  /* which one of its process address */
    uint64_t sp, ret; /* at its beginning: the stack, and the address that it will return to */
    uint64_t done;    /* instructions */
    bool asleep;      /* to be struck when its system call sleeps */
    bool seen_asleep; /* ... as it did when last looked at */
    struct pf_recording *recording;
    struct pf_followed *next;
};

/* What single-stepping has to know of a thread. */
struct pf_walk {
    struct pf_followed *calls; /* innermost first */
    struct pf_stand stand;
    uint64_t turns;    /* of the repeated instruction that it is in, at its beginning; 0: it is in none */
    uint64_t leap_to;  /* it runs until there; 0: single steps */
    uint64_t leap_sp;  /* ... with the stack as it was */
    uint64_t arrivals; /* that are left at leap_to, which is a waypoint of the only call; 0: it is none */
};

/* step_walk.c; the thread is stopped at `stand`. Where they return whether the thread may go on, it may not
 * when it was killed or is held. */
/* It stands before the first instruction of the function of an aim. */
bool pf_walk_enter(struct pf_run *run, struct pf_task *task, size_t aim, const struct pf_stand *stand);
/* It has taken a step. */
bool pf_walk_arrive(struct pf_run *run, struct pf_task *task, const struct pf_stand *stand);
/* It has come to a place where it is waited for on its way to a waypoint? Then *go: may it go on. */
bool pf_walk_take_way(struct pf_run *run, struct pf_task *task, const struct pf_stand *stand, bool *go);
/* Nobody wants to stop within the repeated instruction that comes next: run to its end. */
void pf_walk_leap(struct pf_walk *walk, pid_t tid, const struct pf_run *run);
/* Carries out what the plan wants where the call is. */
bool pf_walk_strike(struct pf_run *run, struct pf_task *task, const struct pf_followed *call);
/* None of its calls is followed any further. */
void pf_walk_end(struct pf_run *run, struct pf_task *task, enum pf_ended ended);

/* step_code.c */
bool pf_code_concerns(const struct pf_aim *aim, const struct pf_process *process);
/* Does when= name none of the calls behind so many? */
bool pf_code_is_exhausted(const struct pf_trigger *trigger, uint64_t calls);
/* Reads anew where in the process the functions lie. */
void pf_code_read(struct pf_run *run, struct pf_process *process);
/* Sets the thread's debug registers as the code of its process demands. */
void pf_code_arm(struct pf_run *run, struct pf_task *task);

/* step_thread.c; all of them on a stopped thread. Return 0 or -errno. */
int pf_thread_watch(pid_t tid, const uint64_t addresses[PF_STEP_REGISTERS]);
int pf_thread_stand(pid_t tid, struct pf_stand *ret_stand);
int pf_thread_word(pid_t tid, uint64_t address, uint64_t *ret_word);
/* Where a signal handler that is about to begin will return to. */
int pf_thread_handler_return(pid_t tid, uint64_t sp, uint64_t *ret_ip, uint64_t *ret_sp);
/* Does the memory between the two addresses belong to one mapping? */
bool pf_thread_same_mapping(pid_t tid, uint64_t low, uint64_t high);

/* step_record.c */
struct pf_recording *pf_recording_begin(const struct pf_task *task, uint64_t ret);
/* The call stands before one more instruction. Returns false when it is too long to be written down. */
bool pf_recording_add(struct pf_recording *recording, pid_t tid, const struct pf_stand *stand);
/* Writes the event and frees the recording. */
void pf_recording_end(struct pf_run *run, const struct pf_task *task, const struct pf_followed *call,
                      enum pf_ended ended);

#endif
