/* source_text.h - the text of a program, to be printed or quoted. */
#ifndef PF_CLI_SOURCE_TEXT_H
#define PF_CLI_SOURCE_TEXT_H

#include "plan/plan.h"
#include "reports/page.h"

/* To be freed; NULL with errno: it cannot be read; NULL without: there is none, or it is empty. */
char *pf_source_text(const char *path);

/* The plain text of a variant's program, with what its marks have to say below their lines. From the page's
 * arena. */
const char *pf_source_text_marked(const struct pf_page *page, const char *text,
                                  const struct pf_variant *variant);

#endif
