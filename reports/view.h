/*
 * view.h - how the reports for people look at a result: what a trial is called, and what repeats come to.
 *
 * Every string returned is plain (see plain.h) and lives in the arena.
 */
#ifndef PF_REPORTS_VIEW_H
#define PF_REPORTS_VIEW_H

#include "model/result.h"

/* The trials of one program: one, or as many as --repeat asked for. */
struct pf_view_group {
    const char *scenario; /* NULL: a command outside the catalogue, in a group of its own */
    const char *variant;
    const struct pf_trial_result **trials;
    size_t trial_count;
    size_t verdicts[PF_VERDICT_RESULT__COUNT];
    const struct pf_trial_result
        *sample;       /* the first that the harness or the program failed, else the first */
    double latency_ms; /* median of those that have one; 0: none has */
};

/* The groups in the order of their first trials. */
struct pf_view_group *pf_view_groups(struct pf_arena *arena, const struct pf_result *result,
                                     size_t *ret_count);

/* "terminate-with-lock/broken", or the command line cut to a readable length. */
const char *pf_view_name(struct pf_arena *arena, const struct pf_trial_result *trial);
/* The kinds of finding, each once, failures first: "limit, lost"; "-" when there are none. */
const char *pf_view_findings(struct pf_arena *arena, const struct pf_trial_result *trial);
/* The name of the pitfall, or "-". */
const char *pf_view_diagnosis(struct pf_arena *arena, const struct pf_trial_result *trial);
/* "12 ms", "1.5 s"; "-" for 0. */
const char *pf_view_time(struct pf_arena *arena, double ms);
/* "ended with status 1", "died of SIGTERM", "had not ended". */
const char *pf_view_ending(struct pf_arena *arena, const struct pf_trial_result *trial);
/* What a trial was struck with: "write:error=ENOSPC:when=3"; NULL: with nothing. */
const char *pf_view_faults(struct pf_arena *arena, const struct pf_trial_result *trial);
/* "struck once, 0.1 at point=lock-held (occurrence 1)", "never struck". */
const char *pf_view_fault(struct pf_arena *arena, const struct pf_fault_account *fault);
/* "0 (app): waits for the end of 0.1; in main at app.c:31". */
const char *pf_view_node(struct pf_arena *arena, const struct pf_node *node);
/* What the chain of a diagnosis tells: "Who waits on what", or, where nothing hangs, "How it came about". */
const char *pf_view_chain(const struct pf_trial_result *trial);
/* The label of a node, or its bare id. */
const char *pf_view_label(struct pf_arena *arena, const struct pf_diagnosis *diagnosis, const char *id);
/* "0 -> 0.1 -> 0", or NULL when the chain does not close. */
const char *pf_view_cycle(struct pf_arena *arena, const struct pf_diagnosis *diagnosis);
/* "pitfall 0.1.0, Linux 6.1.0 x86_64, containment: namespaces". */
const char *pf_view_environment(struct pf_arena *arena, const struct pf_environment *environment);
/* "15 trials: 13 passed, 1 failed, 1 skipped". */
const char *pf_view_totals(struct pf_arena *arena, const struct pf_totals *totals);
/* "pitfall check", "pitfall check, shard 2 of 4"; "pitfall" without a title. */
const char *pf_view_title(struct pf_arena *arena, const struct pf_result *result, const char *title);
/* What is not in the result, though it was planned: "Not complete: shard 3 of 4 is missing: …"; or NULL. */
const char *pf_view_lack(struct pf_arena *arena, const struct pf_result *result);
/* Is that a reason not to call it clean? */
bool pf_view_is_short(const struct pf_result *result);
/* The trial of this id, or NULL. */
const struct pf_trial_result *pf_view_trial(const struct pf_result *result, uint64_t id);
/* What a fault did to the program: "hung", "lost data silently". */
const char *pf_view_outcome(enum pf_outcome outcome);
/* The bytes of the first characters of valid UTF-8, as many as there is room for. */
size_t pf_view_fitting(const char *text, size_t room);
/* The last lines of the captured output; NULL when there is none. */
const char *pf_view_output_tail(struct pf_arena *arena, const struct pf_trial_result *trial, int lines);

#endif
