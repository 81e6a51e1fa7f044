/* page.h - text for people: colour, wrapped prose, aligned columns. */
#ifndef PF_REPORTS_PAGE_H
#define PF_REPORTS_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "model/arena.h"

/* Terminal escapes, all empty where colour is off. */
struct pf_ink {
    const char *bold, *dim, *red, *green, *yellow, *end;
};

/* Where text goes and how wide it may be. */
struct pf_page {
    FILE *file;
    struct pf_arena *arena; /* for what is made on the way; the caller frees it */
    struct pf_ink ink;
    int width;
    const char *directory; /* see struct pf_report_options */
};

#define PF_PAGE_WIDTH_DEFAULT 80

struct pf_ink pf_ink(bool colour);

/*
 * Writes hostile or honest text wrapped to the page. The first line goes on where the caller stands, at
 * `column`; the others are indented by `indent`. Blank lines part paragraphs, and a line that starts with a
 * dash or a blank starts a line here too. Ends with a newline.
 */
void pf_page_prose(const struct pf_page *page, int column, int indent, const char *text);

/* One piece of prose, all of it indented by `indent`. */
void pf_page_paragraph(const struct pf_page *page, int indent, const char *text);

/* The rows of a terminal as wide as the page that plain text takes up: what this writes, and what is not
 * written. */
int pf_page_rows(const struct pf_page *page, void (*write)(const struct pf_page *page, const void *what),
                 const void *what);

/* The text, which must be plain, and blanks up to `columns`. */
void pf_page_cell(const struct pf_page *page, int columns, const char *text);

#endif
