/* sweep.h - what a sweep comes to, in words: what was explored, and each failure once. */
#ifndef PF_REPORTS_SWEEP_H
#define PF_REPORTS_SWEEP_H

#include "model/result.h"
#include "reports/page.h"

/* All of it, the worst failures first; `title` is what the report is called. */
void pf_sweep_write(const struct pf_page *page, const struct pf_result *result, const char *title);

#endif
