#include "cli/columns.h"

#include <string.h>

#include "reports/plain.h"

enum { GAP = 3, TAB = 8 };

/* What is left of a text, and of its line that did not fit. */
struct side {
    const char *rest;
    int width;
};

/* Prints the next piece of at most one line, without its newline; returns the columns used. */
static int print_piece(FILE *file, struct side *side)
{
    int column = 0;
    while (*side->rest && *side->rest != '\n') {
        size_t length = 1;
        while (((unsigned char)side->rest[length] & 0xC0) == 0x80)
            length++;
        bool tab = *side->rest == '\t';
        int columns = tab ? TAB - column % TAB : 1;
        if (column + columns > side->width)
            return column;
        if (tab)
            fprintf(file, "%*s", columns, "");
        else
            fwrite(side->rest, 1, length, file);
        column += columns;
        side->rest += length;
    }
    side->rest += *side->rest == '\n';
    return column;
}

int pf_columns_width(const struct pf_page *page)
{
    return (page->width - GAP) / 2;
}

void pf_columns_print(const struct pf_page *page, const char *left_title, const char *left,
                      const char *right_title, const char *right)
{
    int width = pf_columns_width(page);
    struct side titles[2] = {{left_title, width}, {right_title, width}};
    struct side texts[2] = {{left, width}, {right, width}};
    struct side *sides[2] = {titles, texts};

    fputc('\n', page->file);
    for (int part = 0; part < 2; part++) {
        struct side *pair = sides[part];
        while (*pair[0].rest || *pair[1].rest) {
            fputs(part == 0 ? page->ink.bold : "", page->file);
            int used = print_piece(page->file, &pair[0]);
            fprintf(page->file, "%*s | ", width - used, "");
            print_piece(page->file, &pair[1]);
            fprintf(page->file, "%s\n", part == 0 ? page->ink.end : "");
        }
    }
}
