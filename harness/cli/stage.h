/*
 * stage.h - a terminal that is drawn on, and whose keys are listened to; or a pipe that is written to.
 *
 * Of the terminal's modes only two are changed, and only where keys are read: letters come without Enter, and
 * are not shown. There is no other screen, no hidden cursor, no scroll region: whatever moment the program
 * ends in, what it drew stays and the next prompt comes below. The two modes are put back when the stage is
 * left, while it is stopped, and by a small process that waits for nothing but the death of this one.
 */
#ifndef PF_CLI_STAGE_H
#define PF_CLI_STAGE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "model/error.h"
#include "narrate/screen.h"

struct pf_stage {
    bool draws; /* whole screens; else lines, one after the other */
    bool waits; /* somebody watches: a terminal, of whatever kind */
    bool keys;  /* standard input is a terminal, and ours */
    struct pf_screen_style style;
    bool is_drawn;
    int signals;   /* descriptor that signals come by */
    sigset_t mask; /* of before */
    struct termios before;
    pid_t watcher;
    int ended_by; /* the signal that asked to end; 0: none did */
};

/* What comes while one waits. */
enum pf_stage_news {
    PF_STAGE_TIME,   /* nothing: the time is over */
    PF_STAGE_READY,  /* the descriptor can be read */
    PF_STAGE_NEXT,   /* a key: go on */
    PF_STAGE_TOGGLE, /* a key: by key, or by itself */
    PF_STAGE_REDRAW, /* the screen has another size, or is ours again */
    PF_STAGE_QUIT,   /* a key, or a signal */
};

/* Does this terminal read keys for us? Needs no stage. */
bool pf_stage_has_keys(void);

int pf_stage_enter(struct pf_stage *ret_stage, struct pf_error *error);
void pf_stage_leave(struct pf_stage *stage);
/* Waits for news, so many milliseconds at most; -1: as long as it takes. `fd` may be -1. */
enum pf_stage_news pf_stage_wait(struct pf_stage *stage, int fd, int ms);
/* Draws a whole screen; writes lines. Returns false when nobody can read it any more. */
bool pf_stage_draw(struct pf_stage *stage, const struct pf_screen *screen);
bool pf_stage_write(struct pf_stage *stage, const struct pf_screen *lines);

#endif
