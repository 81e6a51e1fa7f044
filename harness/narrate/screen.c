#include "narrate/screen_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plain.h"

#define NS_PER_MS 1e6

static const char *ink_of(const struct pf_ink *ink, enum pf_tone tone)
{
    switch (tone) {
    case PF_TONE_DIM:
        return ink->dim;
    case PF_TONE_STRONG:
        return ink->bold;
    case PF_TONE_GOOD:
        return ink->green;
    case PF_TONE_ODD:
        return ink->yellow;
    case PF_TONE_BAD:
        return ink->red;
    default:
        return "";
    }
}

/* Wrapped behind what stands before it on its first line. */
static void add_wrapped(struct pf_screen_drawing *d, const char *ink, const char *before, const char *text)
{
    char *wrapped = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&wrapped, &size);
    if (!file)
        abort();
    int indent = (int)strlen(before);
    struct pf_page page = {.file = file, .arena = d->arena, .ink = pf_ink(false), .width = d->columns};
    fputs(before, file);
    pf_page_prose(&page, indent, indent, text);
    fclose(file);
    for (char *line = wrapped, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        pf_screen_add(d, ink, pf_arena_strdup(d->arena, line));
    }
    free(wrapped);
}

static void add_tell(struct pf_screen_drawing *d, const struct pf_tell *tell)
{
    const char *ink = ink_of(&d->style->ink, tell->tone);
    const char *before = tell->timed ? pf_arena_printf(d->arena, "%8.1f ms  ", (double)tell->t_ns / NS_PER_MS)
                                     : pf_arena_printf(d->arena, "%*s", 1 + tell->indent, "");
    if (tell->verbatim)
        pf_screen_add(d, ink, pf_arena_printf(d->arena, "%s%s", before, tell->text));
    else
        add_wrapped(d, ink, before, tell->text);
}

struct pf_screen pf_screen_tells(const struct pf_scene *scene, size_t from,
                                 const struct pf_screen_style *style, struct pf_arena *arena)
{
    struct pf_screen_drawing d = {
        .scene = scene, .style = style, .arena = arena, .columns = style->width - 1};
    for (size_t i = from; i < scene->tell_count; i++)
        add_tell(&d, &scene->tells[i]);
    return d.screen;
}

static void add_rule(struct pf_screen_drawing *d)
{
    const char *sign = d->style->ascii ? "-" : "─";
    char *line = pf_arena_alloc(d->arena, strlen(sign) * (size_t)d->columns + 1);
    for (int i = 0; i < d->columns; i++)
        strcat(line, sign);
    pf_screen_add(d, d->style->ink.dim, line);
}

/* Two texts, at the left and at the right end of a line. */
static void add_ends(struct pf_screen_drawing *d, const char *ink, const char *left, const char *right)
{
    int room = d->columns - pf_screen_columns(right) - 1;
    if (room < pf_screen_columns(left))
        pf_screen_add(d, ink, left);
    else
        pf_screen_add(d, ink, pf_arena_printf(d->arena, "%s %s", pf_screen_cell(d, left, room), right));
}

static void draw_head(struct pf_screen_drawing *d)
{
    const struct pf_scene *scene = d->scene;
    const char *time =
        scene->beats ? pf_arena_printf(d->arena, "%.1f ms", (double)scene->now_ns / NS_PER_MS) : "";
    add_ends(d, d->style->ink.bold, pf_arena_printf(d->arena, " %s", scene->heading),
             scene->act ? scene->act : "");
    add_ends(d, "", pf_arena_printf(d->arena, " %s", pf_plain_line(d->arena, scene->title)), time);
    add_rule(d);
}

/* They have their colours already. */
static void add_lines(struct pf_screen_drawing *d, const struct pf_screen *from, size_t first, size_t room)
{
    for (size_t i = 0; i < room; i++)
        *(const char **)pf_arena_grow(d->arena, &d->screen.lines, &d->screen.count,
                                      sizeof(*d->screen.lines)) =
            first + i < from->count ? from->lines[first + i] : "";
}

/* What stays, and below it the last of what was said, as much as there is room for; it begins with a whole
 * piece. */
static void draw_tells(struct pf_screen_drawing *d, size_t room)
{
    struct pf_screen_drawing top = *d, said = *d;
    size_t *starts = pf_arena_alloc(d->arena, (d->scene->tell_count + 1) * sizeof(*starts)), count = 0;
    top.screen = said.screen = (struct pf_screen){0};
    for (size_t i = d->scene->page; i < d->scene->tell_count; i++) {
        const struct pf_tell *tell = &d->scene->tells[i];
        if (tell->in_lanes)
            continue;
        starts[count++] = said.screen.count;
        add_tell(tell->stays ? &top : &said, tell);
    }
    size_t fixed = top.screen.count < room ? top.screen.count : room;
    size_t from = said.screen.count > room - fixed ? said.screen.count - (room - fixed) : 0;
    for (size_t i = 0; i < count; i++)
        if (starts[i] >= from && starts[i] < said.screen.count) {
            from = starts[i];
            break;
        }
    add_lines(d, &top.screen, 0, fixed);
    add_lines(d, &said.screen, from, room - fixed);
}

struct pf_screen pf_screen_draw(const struct pf_scene *scene, const struct pf_screen_style *style,
                                struct pf_arena *arena)
{
    struct pf_screen_drawing d = {
        .scene = scene, .style = style, .arena = arena, .columns = style->width - 1};
    size_t height = (size_t)style->height;
    draw_head(&d);
    if (scene->lane_count) {
        pf_screen_lanes(&d, style->height / 2 - 3);
        add_rule(&d);
    }
    if (d.screen.count + 1 < height)
        draw_tells(&d, height - d.screen.count - 1);
    add_ends(&d, style->ink.dim, pf_arena_printf(arena, " %s", style->keys ? style->keys : ""),
             scene->lane_count ? pf_screen_legend(&d) : "");
    return d.screen;
}
