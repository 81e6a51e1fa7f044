/* screen.h - a scene as lines of text: a whole screen, or what was said last for who reads line by line. */
#ifndef PF_NARRATE_SCREEN_H
#define PF_NARRATE_SCREEN_H

#include "narrate/scene.h"
#include "reports/page.h"

struct pf_screen_style {
    int width, height; /* of the screen */
    bool ascii;        /* the terminal knows no others */
    struct pf_ink ink;
    const char *keys; /* what may be pressed; NULL: nothing */
};

struct pf_screen {
    const char **lines; /* without newlines; each is a column shorter than the screen at least */
    size_t count;       /* height of the screen */
};

/* From a terminal this small on there is more in lines than in a screen. */
enum { PF_SCREEN_WIDTH_LEAST = 40, PF_SCREEN_HEIGHT_LEAST = 12 };

/* The screen as it is after the last beat. Lives in the arena. */
struct pf_screen pf_screen_draw(const struct pf_scene *scene, const struct pf_screen_style *style,
                                struct pf_arena *arena);
/* What was told from the given tell on, in wrapped lines; of the style the width, the letters and the ink
 * count. */
struct pf_screen pf_screen_tells(const struct pf_scene *scene, size_t from,
                                 const struct pf_screen_style *style, struct pf_arena *arena);

#endif
