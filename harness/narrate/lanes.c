/* The lanes of a screen: who there is, what became of each beat by beat, and what each does now. */
#include <inttypes.h>
#include <string.h>

#include "narrate/screen_internal.h"

enum { LABEL_MOST = 20, CELL_COLUMNS_MOST = 3 };

static const char *const signs[][PF_CELL__COUNT] = {
    {[PF_CELL_NONE] = " ", "╺", "━", "╌", "~", "*", "!", "↯", "┫", "✖"},
    {[PF_CELL_NONE] = " ", "+", "=", ".", "~", "*", "!", "#", "|", "X"},
};

/* What fills the rest of a cell of several columns. */
static enum pf_cell filler(enum pf_cell cell)
{
    switch (cell) {
    case PF_CELL_WAITS:
    case PF_CELL_HELD:
        return cell;
    case PF_CELL_NONE:
    case PF_CELL_ENDED:
    case PF_CELL_KILLED:
        return PF_CELL_NONE;
    default:
        return PF_CELL_RUNS;
    }
}

static const char *ink_of(const struct pf_screen_drawing *d, enum pf_cell cell)
{
    const struct pf_ink *ink = &d->style->ink;
    switch (cell) {
    case PF_CELL_BORN:
    case PF_CELL_RUNS:
        return ink->green;
    case PF_CELL_WAITS:
    case PF_CELL_HELD:
    case PF_CELL_SIGNAL:
        return ink->yellow;
    case PF_CELL_LIMIT:
    case PF_CELL_FAULT:
    case PF_CELL_KILLED:
        return ink->red;
    default:
        return ink->dim;
    }
}

static enum pf_cell cell_at(const struct pf_scene_lane *lane, size_t beat)
{
    return beat < lane->first || beat - lane->first >= lane->cell_count ? PF_CELL_NONE
                                                                        : lane->cells[beat - lane->first];
}

/* The last beats of a lane in so many columns. */
static const char *track(const struct pf_screen_drawing *d, const struct pf_scene_lane *lane, int columns)
{
    int wide = CELL_COLUMNS_MOST;
    while (wide > 1 && (size_t)(columns / wide) < d->scene->beats)
        wide--;
    size_t shown = (size_t)(columns / wide);
    size_t from = d->scene->beats > shown ? d->scene->beats - shown : 0;
    const char *text = "", *before = "";
    for (size_t beat = from; beat < from + shown; beat++) {
        enum pf_cell cell = cell_at(lane, beat);
        const char *ink = cell ? ink_of(d, cell) : before;
        text = pf_arena_printf(d->arena, "%s%s%s%s", text, ink == before ? "" : d->style->ink.end,
                               ink == before ? "" : ink, signs[d->style->ascii][cell]);
        for (int i = 1; i < wide; i++)
            text = pf_arena_printf(d->arena, "%s%s", text, signs[d->style->ascii][filler(cell)]);
        before = ink;
    }
    return pf_arena_printf(d->arena, "%s%s%*s", text, *before ? d->style->ink.end : "",
                           columns - (int)shown * wide, "");
}

static const char *label(const struct pf_screen_drawing *d, const struct pf_scene_lane *lane)
{
    return lane->name ? pf_arena_printf(d->arena, "%s %s", lane->id, lane->name) : lane->id;
}

static void draw_lane(struct pf_screen_drawing *d, const struct pf_scene_lane *lane, int label_columns,
                      int track_columns)
{
    int rest = d->columns - label_columns - track_columns - 3;
    const char *state = rest > 0 ? pf_screen_cut(d, lane->state, rest) : "";
    const char **line = pf_arena_grow(d->arena, &d->screen.lines, &d->screen.count, sizeof(*d->screen.lines));
    const char *ink =
        lane->struck && (d->scene->over || !lane->now) ? d->style->ink.red : ink_of(d, lane->now);
    *line = pf_arena_printf(d->arena, " %s %s %s%s%s", pf_screen_cell(d, label(d, lane), label_columns),
                            track(d, lane, track_columns), ink, state, *state ? d->style->ink.end : "");
}

/* Of more lanes than there is room for, the first to go are those that have ended and that nothing struck. */
static int rank(const struct pf_scene_lane *lane)
{
    return lane->struck ? 2 : lane->now ? 1 : 0;
}

static bool *choose(const struct pf_screen_drawing *d, size_t room)
{
    const struct pf_scene *scene = d->scene;
    bool *shown = pf_arena_alloc(d->arena, scene->lane_count + 1);
    size_t left = room;
    for (int least = 2; least >= 0; least--)
        for (size_t i = scene->lane_count; i-- > 0 && left;)
            if (!shown[i] && (rank(&scene->lanes[i]) == least || (i == 0 && least == 2))) {
                shown[i] = true;
                left--;
            }
    return shown;
}

static void draw_books(struct pf_screen_drawing *d)
{
    const struct pf_scene *scene = d->scene;
    const char *text = " ledger:";
    for (size_t i = 0; i < scene->book_count; i++)
        text = pf_arena_printf(d->arena, "%s%s %s %" PRIu64, text, i ? "," : "", scene->books[i].name,
                               scene->books[i].entries);
    if (scene->book_count)
        pf_screen_add(d, d->style->ink.bold, text);
}

void pf_screen_lanes(struct pf_screen_drawing *d, int lines)
{
    const struct pf_scene *scene = d->scene;
    size_t room = (size_t)lines - (scene->book_count > 0);
    bool all = scene->lane_count <= room;
    const bool *shown = choose(d, all ? scene->lane_count : room - 1);
    int label_columns = 0;
    for (size_t i = 0; i < scene->lane_count; i++) {
        int columns = shown[i] ? pf_screen_columns(label(d, &scene->lanes[i])) : 0;
        label_columns = columns > label_columns ? columns : label_columns;
    }
    int most = d->columns / 4 > LABEL_MOST ? d->columns / 4 : LABEL_MOST;
    label_columns = label_columns > most ? most : label_columns;
    int track_columns = (d->columns - label_columns) * 2 / 5;
    for (size_t i = 0; i < scene->lane_count; i++)
        if (shown[i])
            draw_lane(d, &scene->lanes[i], label_columns, track_columns);
    if (!all)
        pf_screen_add(d, d->style->ink.dim,
                      pf_arena_printf(d->arena, " and %zu more", scene->lane_count - (room - 1)));
    draw_books(d);
}

const char *pf_screen_legend(const struct pf_screen_drawing *d)
{
    const char *const *sign = signs[d->style->ascii];
    return pf_arena_printf(d->arena, "%s runs %s waits %s fault %s killed %s ended", sign[PF_CELL_RUNS],
                           sign[PF_CELL_WAITS], sign[PF_CELL_FAULT], sign[PF_CELL_KILLED],
                           sign[PF_CELL_ENDED]);
}
