/* Annotations that GitHub shows beside the lines of a change: workflow commands on standard output. */
#include "reports/formats.h"

#include <string.h>

#include "reports/plain.h"
#include "reports/problem.h"
#include "reports/view.h"

/* The runner takes "%0A" for a newline; in the values of properties "," and ":" end the value. */
static void put_escaped(FILE *file, const char *text, const char *special)
{
    for (; *text; text++)
        if (*text == '%' || *text == '\n' || strchr(special, *text))
            fprintf(file, "%%%02X", (unsigned)(unsigned char)*text);
        else
            fputc(*text, file);
}

static void write_property(FILE *file, const char *separator, const char *name, const char *value)
{
    fprintf(file, "%s%s=", separator, name);
    put_escaped(file, value, ",:");
}

static void write_problem(FILE *file, struct pf_arena *arena, const struct pf_problem *problem)
{
    static const char *const commands[] = {[PF_PROBLEM_FAILURE] = "error",
                                           [PF_PROBLEM_ERROR] = "error",
                                           [PF_PROBLEM_WARNING] = "warning",
                                           [PF_PROBLEM_NOTE] = "notice"};
    const char *separator = " ";
    fprintf(file, "::%s", commands[problem->level]);
    if (problem->place.file) {
        write_property(file, separator, "file", problem->place.file);
        fprintf(file, ",line=%zu", problem->place.line);
        separator = ",";
    }
    write_property(file, separator, "title", pf_arena_printf(arena, "%s: %s", problem->name, problem->rule));
    fputs("::", file);
    put_escaped(file, problem->message, "");
    if (problem->told && problem->told->count > 1)
        fprintf(file, " (%zu trials)", problem->told->count);
    if (problem->detail) {
        fputs("%0A", file);
        put_escaped(file, problem->detail, "");
    }
    fputc('\n', file);
}

/* GitHub shows ten of each kind: the totals come first, which tell of the rest, and then the worst. */
int pf_github_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    size_t count;
    const struct pf_problem *problems = pf_problem_list(arena, result, options->directory, &count);
    fputs("::notice ", file);
    write_property(file, "", "title", pf_view_title(arena, result, options->title));
    fputs("::", file);
    put_escaped(file, pf_view_totals(arena, &result->totals), "");
    fputc('\n', file);
    for (size_t i = 0; i < count; i++)
        write_problem(file, arena, &problems[i]);
    pf_arena_free(arena);
    return pf_report_flush(file);
}
