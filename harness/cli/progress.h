/* progress.h - one line on standard error that says how far a long command is, where that is a terminal. */
#ifndef PF_CLI_PROGRESS_H
#define PF_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_progress {
    bool shown;
    size_t total, done, failed;
    uint64_t start_ns, drawn_ns;
};

struct pf_progress pf_progress_start(size_t total);
/* One more is done. */
void pf_progress_step(struct pf_progress *progress, bool failed);
/* Draws the line anew when it is time to. */
void pf_progress_draw(struct pf_progress *progress);
/* Erases the line. */
void pf_progress_end(struct pf_progress *progress);

#endif
