/* story.h - one trial told in words: the part of the text report that JUnit and others quote. */
#ifndef PF_REPORTS_STORY_H
#define PF_REPORTS_STORY_H

#include "model/result.h"
#include "reports/page.h"

/* Of a trial that has a diagnosis: summary, who waits on what, and the fix; each line starts at column
 * `indent`. */
void pf_story_diagnosis(const struct pf_page *page, int indent, const struct pf_trial_result *trial);

/* Everything about a trial that needs a reader, what matters most first: why, diagnosis, fix and replay line;
 * then other findings, faults, ending, output, notes. */
void pf_story_trial(const struct pf_page *page, int indent, const struct pf_trial_result *trial,
                    bool show_output);

#endif
