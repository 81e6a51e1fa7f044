/*
 * result.h - what the judge made of a trace: findings, diagnosis, verdict. All reports are written from this.
 */
#ifndef PF_MODEL_RESULT_H
#define PF_MODEL_RESULT_H

#include <stdio.h>

#include "model/event.h"
#include "model/listing.h"
#include "model/pack.h"
#include "model/part.h"
#include "model/timeline.h"

#define PF_RESULT_SCHEMA "pitfall-result/1"

enum pf_finding_kind {
    PF_FINDING_DEADLOCK,
    PF_FINDING_HANG,
    PF_FINDING_BUSY_LOOP,
    PF_FINDING_ORPHAN,
    PF_FINDING_ZOMBIE,
    PF_FINDING_CRASH,
    PF_FINDING_KILLED,
    PF_FINDING_EXIT,
    PF_FINDING_LIMIT,
    PF_FINDING_LOST,
    PF_FINDING_TORN,
    PF_FINDING_DUPLICATE,
    PF_FINDING_WRONG_OUTPUT,
    PF_FINDING_FD_LEAK,
    PF_FINDING_IPC_LEAK,
    PF_FINDING_PROCESS_EXPLOSION,
    PF_FINDING_COST,
    PF_FINDING_UNFIRED,
    PF_FINDING__COUNT,
};

enum pf_severity {
    PF_SEVERITY_FAIL,
    PF_SEVERITY_WARN,
    PF_SEVERITY__COUNT,
};

struct pf_finding {
    enum pf_finding_kind kind;
    enum pf_severity severity;
    const char *process; /* address it is about; NULL: the whole run */
    const char *message; /* one sentence for a person */
    uint64_t *evidence;  /* sequence numbers of events */
    size_t evidence_count;
};

/* A thread, a process or a resource in the chain. */
struct pf_node {
    const char *id;    /* thread or process address */
    const char *label; /* "0.1 (worker)" */
    const char *state; /* "waits for data from a pipe", "ended: killed by SIGTERM" */
    const char *where; /* "produce at feeder.c:31"; NULL: not known */
};

struct pf_edge {
    const char *from;     /* node that waits */
    const char *to;       /* node that could end the wait */
    const char *resource; /* "pipe (fd 4)", "mutex at 0x7f…" */
    const char *why;      /* why it will not: one sentence */
    uint64_t *evidence;
    size_t evidence_count;
};

/* How sure a diagnosis is. */
enum pf_certainty {
    PF_UNKNOWN, /* it tells who waits for what, and claims nothing beyond that */
    PF_LIKELY,  /* it explains what was found, but something that was not seen might contradict it */
    PF_PROVEN,  /* no future can contradict it */
    PF_CERTAINTY__COUNT,
};

struct pf_diagnosis {
    const char *pitfall; /* id of the catalogue, or NULL: nothing that has a name there */
    bool proven;         /* certainty is PF_PROVEN */
    enum pf_certainty certainty;
    const char *summary; /* the story in words: who waits on what, and why nobody will ever end it */
    const char *fix;
    struct pf_node *nodes;
    size_t node_count;
    struct pf_edge *edges;
    size_t edge_count;
    const char **cycle; /* node ids in order, when the chain closes; empty for a wait on the dead */
    size_t cycle_count;
};

/* One of the first strikes of a fault. */
struct pf_strike_account {
    const char *thread;   /* whom its trigger caught; NULL for times */
    const char *at;       /* "write", "point=lock-held" */
    uint64_t occurrence;  /* as the rule counts them */
    const char **targets; /* whom signals and limits went to, at most 16 */
    size_t target_count;
    const char **stack; /* innermost first: "save at app.c:41"; empty: not taken */
    size_t stack_count;
    uint64_t event; /* number of the inject event */
};

struct pf_fault_account {
    const char *spec;
    bool armed;
    uint64_t fired;     /* how often it struck; 0: its trigger was never reached, or not often enough */
    uint64_t met;       /* how often at most its trigger came for one process or thread, struck or not */
    const char **where; /* "0.1 at write (occurrence 3) in save at app.c:41", at most 8 */
    size_t where_count;
    struct pf_strike_account *strikes; /* the same in pieces */
    size_t strike_count;
};

/* How the root ended; absent while it had not. */
struct pf_exit {
    bool signaled;
    uint64_t code;
    const char *signal;
};

enum pf_verdict {
    PF_PASS,
    PF_FAIL,
    PF_ERROR, /* the harness could not test it */
    PF_SKIP,
    PF_VERDICT_RESULT__COUNT,
};

/*
 * What a fault did to the program, after the CRASH scale of Ballista, with the least harmful first. NONE: the
 * trial is not of a sweep, or nothing was tested.
 */
enum pf_outcome {
    PF_OUTCOME_NONE,
    PF_OUTCOME_CLEAN,    /* it coped, or never noticed */
    PF_OUTCOME_GRACEFUL, /* it ended with an error status and left nothing behind */
    PF_OUTCOME_RESIDUE,  /* it left processes or resources behind */
    PF_OUTCOME_ABORT,    /* it crashed */
    PF_OUTCOME_HANG,     /* it never ended: deadlock, hang, busy loop */
    PF_OUTCOME_SILENT,   /* it ended as if all were well, but data is lost, torn, doubled or wrong */
    PF_OUTCOME__COUNT,
};

struct pf_trial_result {
    uint64_t id; /* place in the plan, from 1; 0: there is no plan */
    enum pf_outcome outcome;
    bool attached; /* a tree that was found running, looked at, and left alone */
    const char *scenario;
    const char *variant;
    const char **command;
    size_t command_count;
    enum pf_verdict verdict;
    const char *reason; /* why the verdict is not a plain pass: one sentence; NULL for a pass */
    struct pf_expect expect;
    struct pf_finding *findings;
    size_t finding_count;
    struct pf_diagnosis *diagnosis;
    const char *shape; /* kinds of wait that were left when the run was ended: "child+read:pipe"; or NULL */
    struct pf_fault_account *faults;
    size_t fault_count;
    const char **stack; /* in a sweep: the call stack of the point that was struck, innermost first */
    size_t stack_count;
    uint64_t instruction, instructions; /* ... it lies before this instruction of so many of a call, from 0 */
    struct pf_exit *exit;
    double duration_ms;
    double verdict_latency_ms; /* last movement to verdict, for a proven deadlock; else 0 */
    const char *output;        /* the captured output, at most 64 KiB of it; NULL when it was not captured */
    const char **notes;
    size_t note_count;
    struct pf_timeline *timeline; /* NULL: it was not asked for, or nothing was run */
    struct pf_environment environment;
    const char *replay;
};

struct pf_totals {
    uint64_t trials, pass, fail, error, skip;
};

/* Failures of a sweep that are the same failure: of one signature. */
struct pf_failure {
    enum pf_outcome outcome;
    const char *signature; /* of what went wrong: kinds of finding, shape of the waits, stack of the point */
    const char *summary;   /* what went wrong: one sentence */
    uint64_t count;
    uint64_t *trials; /* their ids, ascending */
    size_t trial_count;
    const char *replay;         /* the smallest command line that was found to show it */
    uint64_t replays, replayed; /* how often that was tried, and how often it showed it again */
    bool chance;                /* it strikes at a call that not every run makes, or makes there */
};

/* What the trials of a sweep come to. */
struct pf_sweep_result {
    uint64_t points;             /* fault points that the recording has seen, without the following */
    uint64_t startup;            /* ... of the dynamic loader, left out */
    uint64_t repetitions;        /* ... left out of the plan because others have their call stack */
    bool unsteady;               /* runs without faults print different things: output was not compared */
    bool cut;                    /* a call has more instructions than are stepped through */
    uint64_t deadline_ns;        /* of each trial */
    struct pf_failure *failures; /* the most harmful outcomes first, then by their first trial */
    size_t failure_count;
};

/* What every command that runs or judges something produces. */
struct pf_result {
    struct pf_arena *arena; /* owns everything below */
    const char *schema;
    struct pf_trial_result *trials;
    size_t trial_count;
    struct pf_totals totals;
    struct pf_environment environment;
    struct pf_part *part;          /* of a plan; NULL: there is none, as for a single run */
    struct pf_sweep_result *sweep; /* NULL: not a sweep */
    struct pf_listing *listings;   /* the programs of the scenarios that were checked */
    size_t listing_count;
};

extern const struct pf_names pf_finding_kind_names;
extern const struct pf_names pf_severity_names;
extern const struct pf_names pf_certainty_names;
extern const struct pf_names pf_verdict_names;
extern const struct pf_names pf_outcome_names;

struct pf_result *pf_result_new(void);
void pf_result_free(struct pf_result *result);
/* Room for one more trial; the pointer is good until the next call. */
struct pf_trial_result *pf_result_add(struct pf_result *result);
/* Adds a copy of a trial of another result, which may be freed then. */
struct pf_trial_result *pf_result_add_copy(struct pf_result *result, const struct pf_trial_result *trial);
/* A trial as bytes (pack.h), behind others that are there already, and so many of them back: added to the
 * result, whose life the bytes must share. Returns 0 or -EBADMSG. */
void pf_result_pack_trial(const struct pf_trial_result *trial, struct pf_packed *packed);
int pf_result_unpack_trials(struct pf_result *result, const unsigned char *bytes, size_t size, size_t count);
/* Puts the trials into the order of their ids: they end in any order. */
void pf_result_sort(struct pf_result *result);
/* Counts the verdicts into totals and takes the environment of the first trial that has one. */
void pf_result_finish(struct pf_result *result);

json_t *pf_result_to_json(const struct pf_result *result);
/* In two parts, for results of many trials: all but `trials`, which come last; and one of these. */
json_t *pf_result_head_to_json(const struct pf_result *result);
json_t *pf_result_trial_to_json(const struct pf_trial_result *trial);
/* Returns 0, or -EBADMSG with a message (wrong schema, a key of the wrong type). */
int pf_result_from_json(json_t *json, struct pf_result **ret_result, struct pf_error *error);
/*
 * Reads a whole file of it. Returns 0, -EIO, or -EBADMSG with a message that begins with the name, and the
 * line where that helps.
 */
int pf_result_read(FILE *file, const char *name, struct pf_result **ret_result, struct pf_error *error);

/*
 * The exit status of design.md: 0 clean, 1 findings, 3 the harness could not, 77 everything skipped. A result
 * that is less than it was meant to be is no clean one: 3, if there are no findings.
 */
int pf_result_exit_status(const struct pf_result *result);

#endif
