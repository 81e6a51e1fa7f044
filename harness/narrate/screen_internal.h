/* screen_internal.h - between the parts of a screen. */
#ifndef PF_NARRATE_SCREEN_INTERNAL_H
#define PF_NARRATE_SCREEN_INTERNAL_H

#include "narrate/screen.h"

struct pf_screen_drawing {
    const struct pf_scene *scene;
    const struct pf_screen_style *style;
    struct pf_arena *arena;
    int columns; /* that may be written to: the last one makes terminals break the line */
    struct pf_screen screen;
};

void pf_screen_add(struct pf_screen_drawing *d, const char *ink, const char *text);
/* Text that fits into so many columns: cut, and marked as cut, where it is longer. */
const char *pf_screen_cut(const struct pf_screen_drawing *d, const char *text, int columns);
int pf_screen_columns(const char *text);
/* The text and blanks, in exactly so many columns. */
const char *pf_screen_cell(const struct pf_screen_drawing *d, const char *text, int columns);

/* The lanes, in at most so many lines. */
void pf_screen_lanes(struct pf_screen_drawing *d, int lines);
/* What their signs mean, for the foot of the screen. */
const char *pf_screen_legend(const struct pf_screen_drawing *d);

#endif
