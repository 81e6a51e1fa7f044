#include "cli/source_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *pf_source_text(const char *path)
{
    errno = 0;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    ssize_t length = getdelim(&text, &size, '\0', file);
    int code = ferror(file) ? errno : 0;
    fclose(file);
    errno = code;
    if (length > 0)
        return text;
    free(text);
    return NULL;
}

/* What a mark has to say of the line that it stands below. */
static void write_note(const struct pf_page *page, const char *line, const char *note)
{
    size_t blank = strspn(line, " \t");
    int indent = 0;
    for (size_t i = 0; i < blank; i++)
        indent = line[i] == '\t' ? (indent / 8 + 1) * 8 : indent + 1;
    fprintf(page->file, "%*s^ ", indent, "");
    pf_page_prose(page, indent + 2, indent + 2, note);
}

const char *pf_source_text_marked(const struct pf_page *page, const char *text,
                                  const struct pf_variant *variant)
{
    char *marked = NULL;
    size_t size = 0, number = 1, mark = 0;
    FILE *file = open_memstream(&marked, &size);
    if (!file)
        return text;
    const struct pf_page target = {
        .file = file, .arena = page->arena, .ink = pf_ink(false), .width = page->width};
    for (const char *line = text; *line; number++) {
        size_t length = strcspn(line, "\n");
        fprintf(file, "%.*s\n", (int)length, line);
        for (; mark < variant->mark_count && variant->marks[mark].line <= number; mark++)
            if (variant->marks[mark].note)
                write_note(&target, line, variant->marks[mark].note);
        line += length + (line[length] == '\n');
    }
    if (fclose(file) == 0)
        text = pf_arena_strdup(page->arena, marked);
    free(marked);
    return text;
}
