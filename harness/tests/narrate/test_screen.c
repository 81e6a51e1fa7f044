/*
 * Whole screens of recorded runs: screens.txt holds them as they were read and found good. After a change,
 * PITFALL_WRITE_SCREENS=1 writes them anew, and the difference is to be read.
 */
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#include "judge/judge.h"
#include "narrate/outcome.h"
#include "narrate/screen.h"
#include "told.h"

/* Where the source is quoted from: the line tells its number. */
static const char *numbered_source(struct pf_arena *arena)
{
    const char *text = "";
    for (int i = 1; i <= 90; i++)
        text = pf_arena_printf(arena, "%s    line_%d();\n", text, i);
    return text;
}

static void print_screen(FILE *out, const struct pf_scene *scene, const struct pf_screen_style *style)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_screen screen = pf_screen_draw(scene, style, arena);
    cr_assert_eq(screen.count, (size_t)style->height);
    for (size_t i = 0; i < screen.count; i++)
        fprintf(out, "%s\n", screen.lines[i]);
    fprintf(out, "\n");
    pf_arena_free(arena);
}

/* The screens at which who watches looks longest, and the last one. */
static void print_screens(FILE *out, const char *name, const struct pf_screen_style *style)
{
    struct pf_trace *trace = read_trace(name);
    struct pf_scene *scene = open_scene(trace);
    struct pf_result *result = pf_result_new();
    scene->source = numbered_source(scene->arena);
    scene->source_name = "broken.c";
    fprintf(out, "== %s, %d by %d ==\n", name, style->width, style->height);
    while (scene->taken < trace->count)
        if (pf_scene_take(scene) == PF_BEAT_LARGE)
            print_screen(out, scene, style);
    print_screen(out, scene, style);
    pf_judge_trace(trace, result);
    pf_result_finish(result);
    for (size_t step = 0; pf_outcome_tell(scene, &result->trials[0], step) != PF_BEAT_NONE; step++)
        if (step == 0)
            print_screen(out, scene, style);
    print_screen(out, scene, style);
    pf_result_free(result);
    pf_scene_free(scene);
    pf_trace_free(trace);
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    cr_assert_not_null(file, "%s", path);
    cr_assert_gt(getdelim(&text, &size, '\0', file), 0);
    fclose(file);
    return text;
}

Test(screen, recorded_runs_look_as_they_did, .timeout = 30)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    static const char path[] = TEST_DATA "/screens.txt";
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct pf_screen_style style = {
        .width = 80, .height = 24, .ink = pf_ink(false), .keys = "space: go on  p: hold  q: quit"};
    print_screens(out, "terminate-with-lock-broken", &style);
    print_screens(out, "terminate-with-lock-safe", &style);
    print_screens(out, "hung-thread-broken", &style);
    print_screens(out, "fd-exhaustion-broken", &style);
    style.ascii = true;
    style.width = 60;
    style.height = 16;
    print_screens(out, "hung-thread-broken", &style);
    fclose(out);
    if (getenv("PITFALL_WRITE_SCREENS")) {
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
    }
    char *expected = read_all(path);
    cr_assert_str_eq(text, expected);
    free(expected);
    free(text);
}

static int columns(const char *text)
{
    wchar_t wide[4096];
    size_t length = mbstowcs(wide, text, 4096);
    cr_assert_neq(length, (size_t)-1, "%s", text);
    return wcswidth(wide, length);
}

/* No line may reach the last column, where terminals break it, at any size. */
Test(screen, lines_fit_at_every_size, .timeout = 60)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    struct pf_trace *trace = read_trace("fd-exhaustion-broken");
    struct pf_scene *scene = open_scene(trace);
    scene->title = "\u4f60\u597d, a title with wide letters, and long enough for several lines of a screen";
    take_all(scene);
    pf_scene_tell(scene, PF_TONE_BAD,
                  "\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d"
                  "\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d");
    for (int width = PF_SCREEN_WIDTH_LEAST; width <= 200; width += 7)
        for (int height = PF_SCREEN_HEIGHT_LEAST; height <= 60; height += 5) {
            struct pf_screen_style style = {.width = width, .height = height, .ink = pf_ink(false)};
            struct pf_arena *arena = pf_arena_new();
            struct pf_screen screen = pf_screen_draw(scene, &style, arena);
            cr_assert_eq(screen.count, (size_t)height);
            for (size_t i = 0; i < screen.count; i++)
                cr_assert_lt(columns(screen.lines[i]), width, "%d by %d: %s", width, height, screen.lines[i]);
            pf_arena_free(arena);
        }
    pf_scene_free(scene);
    pf_trace_free(trace);
}

Test(screen, ascii_has_nothing_else, .timeout = 10)
{
    struct pf_trace *trace = read_trace("hung-thread-broken");
    struct pf_scene *scene = open_scene(trace);
    scene->title = "na\u00efve";
    take_all(scene);
    struct pf_arena *arena = pf_arena_new();
    struct pf_screen_style style = {.width = 80, .height = 24, .ascii = true, .ink = pf_ink(false)};
    struct pf_screen screen = pf_screen_draw(scene, &style, arena);
    for (size_t i = 0; i < screen.count; i++)
        for (const char *at = screen.lines[i]; *at; at++)
            cr_assert((unsigned char)*at >= ' ' && (unsigned char)*at < 0x7f, "%s", screen.lines[i]);
    cr_assert(strstr(screen.lines[1], "na?ve"));
    pf_arena_free(arena);
    pf_scene_free(scene);
    pf_trace_free(trace);
}

/* Without ink a screen is plain text; with it, no line leaves a colour on. */
Test(screen, ink_is_closed_on_each_line, .timeout = 10)
{
    struct pf_trace *trace = read_trace("terminate-with-lock-broken");
    struct pf_scene *scene = open_scene(trace);
    take_all(scene);
    struct pf_arena *arena = pf_arena_new();
    struct pf_screen_style style = {.width = 80, .height = 24, .ascii = true, .ink = pf_ink(true)};
    struct pf_screen screen = pf_screen_draw(scene, &style, arena);
    size_t coloured = 0;
    for (size_t i = 0; i < screen.count; i++) {
        const char *last = NULL;
        for (const char *at = screen.lines[i]; (at = strchr(at, '\033')); at++)
            last = at;
        coloured += last != NULL;
        cr_assert(!last || strncmp(last, style.ink.end, strlen(style.ink.end)) == 0, "%s", screen.lines[i]);
    }
    cr_assert_gt(coloured, 5);
    pf_arena_free(arena);
    pf_scene_free(scene);
    pf_trace_free(trace);
}

Test(screen, lines_for_a_pipe_name_who_waits_for_what, .timeout = 10)
{
    struct pf_trace *trace = read_trace("hung-thread-broken");
    struct pf_scene *scene = open_scene(trace);
    take_all(scene);
    struct pf_arena *arena = pf_arena_new();
    struct pf_screen_style style = {.width = 80, .ascii = true, .ink = pf_ink(false)};
    struct pf_screen lines = pf_screen_tells(scene, 0, &style, arena);
    bool waits = false;
    for (size_t i = 0; i < lines.count; i++)
        waits |= strstr(lines.lines[i], "0.1 (broken) waits for thread 0.1/t1 (broken) to end") != NULL;
    cr_assert(waits);
    cr_assert_eq(pf_screen_tells(scene, scene->tell_count, &style, arena).count, 0);
    pf_arena_free(arena);
    pf_scene_free(scene);
    pf_trace_free(trace);
}

Test(screen, marks_quote_the_lines_that_matter, .timeout = 10)
{
    struct pf_trace *trace = pf_trace_new();
    struct pf_scene *scene = open_scene(trace);
    struct pf_mark_line marks[] = {{.line = 3, .note = "it begins here"},
                                   {.line = 9999, .note = "beyond the end"}};
    cr_assert_eq(pf_outcome_marks(scene, "What matters:", marks, 2), PF_BEAT_NONE, "without a source");
    scene->source = numbered_source(scene->arena);
    cr_assert_eq(pf_outcome_marks(scene, "What matters:", marks, 0), PF_BEAT_NONE);
    cr_assert_eq(pf_outcome_marks(scene, "What matters:", marks, 2), PF_BEAT_STEP);
    cr_assert_eq(scene->tell_count, 4);
    cr_assert_str_eq(scene->tells[1].text, "     3 | line_3();");
    cr_assert_str_eq(scene->tells[2].text, "it begins here");
    cr_assert_str_eq(scene->tells[3].text, "beyond the end");
    pf_scene_free(scene);
    pf_trace_free(trace);
}
