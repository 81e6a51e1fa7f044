/*
 * plan.h - from words to trials: the fault grammar, limits and times, scenario manifests, and the planner.
 *
 * Nothing here starts a process. Whatever is wrong with the input is said in one message that names the
 * place.
 */
#ifndef PF_PLAN_PLAN_H
#define PF_PLAN_PLAN_H

#include "model/listing.h"
#include "model/trial.h"

/*
 * "SET:ACTION[:OPTION]…" as in strace's inject grammar (see the manual). Strings go to the arena.
 * Errors: -EINVAL; the message shows the spec with a caret under the offending column and what was expected
 * there.
 */
int pf_fault_parse(const char *spec, struct pf_arena *arena, struct pf_fault *ret_fault,
                   struct pf_error *error);
/*
 * Reads a file whole, for a trial to be compared with. Errors: -ENOENT and others as from the file system,
 * -EFBIG beyond 1 GiB.
 */
int pf_content_read(const char *path, struct pf_arena *arena, const struct pf_content **ret_content,
                    struct pf_error *error);
/* "nofile=32". */
int pf_limit_parse(const char *text, struct pf_arena *arena, struct pf_limit *ret_limit,
                   struct pf_error *error);
/* "250ms", "10s", "2m", "1500" (ms without a unit is refused: say which unit). */
int pf_duration_parse(const char *text, uint64_t *ret_ns, struct pf_error *error);
/* The shortest way to write a time so that pf_duration_parse reads the same: "10s". */
const char *pf_duration_text(uint64_t ns, struct pf_arena *arena);
/* "pid,ipc,shm" to enum pf_share bits. */
int pf_share_parse(const char *text, unsigned *ret_share, struct pf_error *error);
const char *pf_share_text(unsigned share, struct pf_arena *arena);

struct pf_source {
    const char *title;
    const char *where; /* URL, man page, "seed: section" */
};

/* One program of a scenario. */
struct pf_variant {
    const char *name;     /* "broken", "safe", "broken-py" */
    const char *program;  /* absolute path */
    const char *source;   /* absolute path of its source text; NULL: not at hand */
    const char **command; /* what to run: the program, with its interpreter before it where it needs one */
    size_t command_count;
    struct pf_expect expect;
    const char *skip;           /* why it cannot run here; NULL: it can */
    struct pf_mark_line *marks; /* lines of the source that matter, by line */
    size_t mark_count;
};

struct pf_question {
    const char *question, *answer;
};

/* An edit of a program, and what it does to the run. */
struct pf_change {
    const char *change;  /* what is done, in words */
    const char *file;    /* in the folder; NULL: the source of the first program */
    const char *include; /* a header that it needs then, "sys/wait.h"; NULL: none */
    const char *replace; /* a piece of its text */
    const char *by;      /* "": it is taken away */
    const char *see;     /* what happens then */
    const char *finding; /* what is found then; NULL: nothing */
};

/* What a scenario teaches. */
struct pf_lesson {
    const char *sentence; /* the title, where the manifest has none */
    struct pf_question *questions;
    size_t question_count;
    struct pf_change *changes;
    size_t change_count;
};

struct pf_scenario {
    struct pf_arena *arena; /* owns everything below */
    const char *id;
    unsigned order;        /* place in the catalogue; UINT_MAX: behind all that have one */
    const char *directory; /* absolute */
    const char *title, *story, *why, *recognise, *avoid, *seed;
    struct pf_source *sources;
    size_t source_count;
    const char **tags;
    size_t tag_count;
    struct pf_limit *limits;
    size_t limit_count;
    struct pf_fault *faults;
    size_t fault_count;
    uint64_t deadline_ns;
    bool isolate;    /* what its programs write is gone with them */
    bool namespaces; /* without some of their own its programs would meet what others left */
    struct pf_lesson lesson;
    struct pf_variant *variants;
    size_t variant_count;
};

/*
 * Reads DIR/pitfall.yaml. Errors: -ENOENT (no manifest), -EINVAL (message "FILE:LINE: …").
 */
int pf_scenario_read(const char *directory, struct pf_scenario **ret_scenario, struct pf_error *error);
void pf_scenario_free(struct pf_scenario *scenario);

struct pf_catalogue {
    struct pf_scenario **scenarios; /* in catalogue order: by `order` of the manifest, then by id */
    size_t count;
};

/*
 * Every scenario folder directly below `directory`; or `directory` alone, when it is a scenario itself. The
 * first manifest that cannot be read ends it. Errors: -ENOENT (no such directory, or no scenario in it),
 * -EINVAL (a malformed manifest, or two scenarios of one id).
 */
int pf_catalogue_read(const char *directory, struct pf_catalogue *ret_catalogue, struct pf_error *error);
void pf_catalogue_free(struct pf_catalogue *catalogue);
const struct pf_scenario *pf_catalogue_find(const struct pf_catalogue *catalogue, const char *id);
/* The nearest id to a mistyped one, or NULL. */
const char *pf_catalogue_suggest(const struct pf_catalogue *catalogue, const char *id);

/*
 * The trial of one variant of a scenario; captured output, limits, faults and expectations from the manifest.
 * It is a copy: the scenario may be freed before it.
 */
struct pf_trial *pf_plan_variant(const struct pf_scenario *scenario, const struct pf_variant *variant);
/* The source of a variant, into the arena. Returns false if it is not at hand. */
bool pf_plan_listing(const struct pf_scenario *scenario, const struct pf_variant *variant,
                     struct pf_arena *arena, struct pf_listing *ret_listing);
/* An empty trial to be filled from a command line: default deadline and grace. */
struct pf_trial *pf_plan_new(void);
void pf_plan_free(struct pf_trial *trial);
/*
 * The command line that does the trial again ("pitfall run --limit nofile=32 -- …"), quoted for a shell.
 * pf_plan_variant sets it as trial->replay; whoever fills a trial by hand sets it last.
 */
const char *pf_plan_replay(const struct pf_trial *trial);
/*
 * A number that tells plans apart, made trial by trial: `before` is that of the trials before this one, and 0
 * for the first. It depends on what is run and under which faults, and not on where the catalogue is: the
 * same plan has the same number on every machine.
 */
uint64_t pf_plan_fingerprint(const struct pf_trial *trial, uint64_t before);

#endif
