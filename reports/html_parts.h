/* html_parts.h - what the pages of a check and of a sweep have in common. */
#ifndef PF_REPORTS_HTML_PARTS_H
#define PF_REPORTS_HTML_PARTS_H

#include "model/result.h"
#include "reports/xml.h"

/* An element of a class with nothing but text. */
void pf_html_classed(const struct pf_xml *xml, const char *element, const char *class, const char *text);

/* Diagnosis, findings, faults, how it ended and what it printed: the body of a section. */
void pf_html_story(const struct pf_xml *xml, const struct pf_trial_result *trial);

/* The failures of a sweep, and a table of all points and faults. */
void pf_html_sweep(const struct pf_xml *xml, const struct pf_result *result);

#endif
