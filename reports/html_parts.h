/* html_parts.h - what the pages of a check and of a sweep have in common. */
#ifndef PF_REPORTS_HTML_PARTS_H
#define PF_REPORTS_HTML_PARTS_H

#include "model/result.h"
#include "reports/view.h"
#include "reports/xml.h"

/* An element of a class with nothing but text. */
void pf_html_classed(const struct pf_xml *xml, const char *element, const char *class, const char *text);

/* Diagnosis, findings, faults, timeline, how it ended and what it printed: the body of the section with the
 * id `anchor`. */
void pf_html_story(const struct pf_xml *xml, const struct pf_trial_result *trial, const char *anchor);

/* Who waits on what, as a picture; nothing, if nobody waits on anybody. */
void pf_html_graph(const struct pf_xml *xml, const struct pf_diagnosis *diagnosis);

/* The picture and the table of events; nothing, if there is no timeline. */
void pf_html_timeline(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor);
/* The table alone. */
void pf_html_events(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor);
/* " (events 12, 17)": links to those that are in the table. */
void pf_html_evidence(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor,
                      const uint64_t *events, size_t count);

/* The sources of a scenario, in a section of its own; the groups are those of the result. */
void pf_html_listings(const struct pf_xml *xml, const struct pf_result *result,
                      const struct pf_view_group *groups, size_t count, const char *scenario);
bool pf_html_has_listings(const struct pf_result *result, const char *scenario);
/* The id of that section. */
const char *pf_html_listings_anchor(const struct pf_xml *xml, const char *scenario);

/* The failures of a sweep, and a table of all points and faults. */
void pf_html_sweep(const struct pf_xml *xml, const struct pf_result *result);

#endif
