/*
 * scene.h - a trial as it is told to people who watch: a lane for each process and thread, and what has been
 * said so far.
 *
 * A scene is fed the events of a trace in their order, while the trace still grows or long after, and says of
 * each whether it is worth a beat: something new to look at. It is a pure function of the trace.
 */
#ifndef PF_NARRATE_SCENE_H
#define PF_NARRATE_SCENE_H

#include "judge/lookup.h"
#include "model/result.h"
#include "model/trace.h"

/* What a lane shows at one beat. */
enum pf_cell {
    PF_CELL_NONE, /* not born yet, or gone */
    PF_CELL_BORN,
    PF_CELL_RUNS, /* or is not known to wait */
    PF_CELL_WAITS,
    PF_CELL_HELD, /* by the fault plan */
    PF_CELL_SIGNAL,
    PF_CELL_LIMIT,
    PF_CELL_FAULT,
    PF_CELL_ENDED,
    PF_CELL_KILLED,
    PF_CELL__COUNT,
};

struct pf_scene_lane {
    const char *id;       /* process or thread address */
    const char *name;     /* of its program; NULL: not known */
    const char *state;    /* "waits for process 0.1 to end" */
    enum pf_cell now;     /* what it does until something else is told; PF_CELL_NONE: it has ended */
    enum pf_cell mark;    /* what this beat shows instead */
    size_t first;         /* the beat that it was born in */
    unsigned char *cells; /* one for each beat from then on, while it lives */
    size_t cell_count;
    uint64_t visits;                /* points reached */
    uint64_t told[PF_EVENT__COUNT]; /* beats of each kind that it was in */
    bool struck;                    /* a fault aimed at it, or it ran into a limit */
};

enum pf_tone { PF_TONE_PLAIN, PF_TONE_DIM, PF_TONE_STRONG, PF_TONE_GOOD, PF_TONE_ODD, PF_TONE_BAD };

/* One piece of what is said. */
struct pf_tell {
    enum pf_tone tone;
    const char *text;
    bool timed; /* it is of a moment of the run */
    uint64_t t_ns;
    int indent;    /* columns to the right of the others */
    bool verbatim; /* source text or output: not to be wrapped */
    bool in_lanes; /* who sees the lanes need not read it */
    bool stays;    /* at the top of its page, when what follows moves up */
};

/* How much a beat asks of who watches. */
enum pf_beat {
    PF_BEAT_NONE,   /* nothing to look at */
    PF_BEAT_REPEAT, /* once more what was seen several times */
    PF_BEAT_STEP,
    PF_BEAT_LARGE, /* a fault strikes; the proof */
};

struct pf_scene_book {
    const char *name;
    uint64_t entries;
};

struct pf_scene {
    struct pf_arena *arena;
    const struct pf_trace *trace;
    const char *heading; /* "pitfall demo: hung-thread" */
    const char *act;     /* "1 of 2: broken" */
    const char *title;
    const char *source;      /* text of the program, to quote from; NULL: none */
    const char *source_name; /* its file name, without folders */
    size_t taken;            /* events */
    size_t beats;
    uint64_t now_ns;
    bool over; /* the verdict has come: what comes behind is the harness clearing up */
    struct pf_scene_lane *lanes;
    size_t lane_count;
    struct pf_lookup index;
    size_t index_room;
    struct pf_scene_book *books; /* what was entered by PITFALL_LEDGER */
    size_t book_count;
    struct pf_tell *tells;
    size_t tell_count;
    size_t page; /* the first tell of this page */
};

/* A scene of a trace that may have no event yet. The trace must outlive it. */
struct pf_scene *pf_scene_new(const struct pf_trace *trace);
void pf_scene_free(struct pf_scene *scene);

/* Takes the next event of the trace that was not taken yet; there must be one. */
enum pf_beat pf_scene_take(struct pf_scene *scene);

/* Says something that is no event of the run; returns it for more. The text is copied. */
struct pf_tell *pf_scene_tell(struct pf_scene *scene, enum pf_tone tone, const char *text);
/* What is said from now on begins a page of its own. */
void pf_scene_turn(struct pf_scene *scene);
/* NULL: there is no such lane. */
struct pf_scene_lane *pf_scene_lane(const struct pf_scene *scene, const char *id);
/* "0.1 (worker)". */
const char *pf_scene_label(const struct pf_scene *scene, const char *id);

#endif
