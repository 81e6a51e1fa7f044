/* columns.h - two texts side by side. */
#ifndef PF_CLI_COLUMNS_H
#define PF_CLI_COLUMNS_H

#include "reports/page.h"

/* How wide each of two texts may be. */
int pf_columns_width(const struct pf_page *page);

/* Prints two plain texts in the halves of the page under their titles; lines that are too long go on below.
 */
void pf_columns_print(const struct pf_page *page, const char *left_title, const char *left,
                      const char *right_title, const char *right);

#endif
