#include "reports/page.h"

#include <stdlib.h>
#include <string.h>

#include "reports/plain.h"

/* Prose is never squeezed into less, however deep it is indented or narrow the terminal. */
#define LEAST_COLUMNS 24

struct pf_ink pf_ink(bool colour)
{
    if (!colour)
        return (struct pf_ink){"", "", "", "", "", ""};
    return (struct pf_ink){.bold = "\033[1m",
                           .dim = "\033[2m",
                           .red = "\033[31m",
                           .green = "\033[32m",
                           .yellow = "\033[33m",
                           .end = "\033[0m"};
}

/* Where wrapping stands. */
struct cursor {
    const struct pf_page *page;
    int indent; /* of every line but the first */
    int right;
    int at;
    bool fresh; /* nothing has been written on this line yet */
};

static void break_line(struct cursor *cursor)
{
    fprintf(cursor->page->file, "\n%*s", cursor->indent, "");
    cursor->at = cursor->indent;
    cursor->fresh = true;
}

static void write_words(struct cursor *cursor, const char *line, const char *end)
{
    while (line += strspn(line, " \t"), line < end) {
        size_t length = strcspn(line, " \t\n");
        int columns = pf_plain_columns(line, length);
        if (!cursor->fresh && cursor->at + 1 + columns > cursor->right)
            break_line(cursor);
        fprintf(cursor->page->file, "%s%.*s", cursor->fresh ? "" : " ", (int)length, line);
        cursor->at += columns + !cursor->fresh;
        cursor->fresh = false;
        line += length;
    }
}

void pf_page_prose(const struct pf_page *page, int column, int indent, const char *text)
{
    int width = page->width > 0 ? page->width : PF_PAGE_WIDTH_DEFAULT;
    struct cursor cursor = {.page = page,
                            .indent = indent,
                            .right = width - indent < LEAST_COLUMNS ? indent + LEAST_COLUMNS : width,
                            .at = column,
                            .fresh = true};
    bool started = false, gap = false;

    for (const char *line = pf_plain_text(page->arena, text); *line;) {
        size_t length = strcspn(line, "\n");
        if (strspn(line, " \t") >= length) {
            gap = started;
        } else {
            if (gap)
                fputc('\n', page->file);
            if (started && (gap || *line == ' ' || strncmp(line, "- ", 2) == 0))
                break_line(&cursor);
            write_words(&cursor, line, line + length);
            started = true;
            gap = false;
        }
        line += length + (line[length] == '\n');
    }
    fputc('\n', page->file);
}

void pf_page_paragraph(const struct pf_page *page, int indent, const char *text)
{
    fprintf(page->file, "%*s", indent, "");
    pf_page_prose(page, indent, indent, text);
}

static int count_rows(const struct pf_page *page, const char *text)
{
    int width = page->width > 0 ? page->width : PF_PAGE_WIDTH_DEFAULT, rows = 0;
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        int columns = pf_plain_columns(line, length);
        rows += columns > width ? (columns + width - 1) / width : 1;
        line += length + (line[length] == '\n');
    }
    return rows;
}

int pf_page_rows(const struct pf_page *page, void (*write)(const struct pf_page *page, const void *what),
                 const void *what)
{
    char *text = NULL;
    size_t size;
    struct pf_page measured = *page;
    measured.ink = pf_ink(false);
    measured.file = open_memstream(&text, &size);
    if (!measured.file)
        abort();
    write(&measured, what);
    fclose(measured.file);
    int rows = count_rows(page, text);
    free(text);
    return rows;
}

void pf_page_cell(const struct pf_page *page, int columns, const char *text)
{
    int used = pf_plain_columns(text, strlen(text));
    fprintf(page->file, "%s%*s", text, used < columns ? columns - used : 0, "");
}
