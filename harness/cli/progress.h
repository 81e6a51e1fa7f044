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
    const char *what, *note; /* while the line is drawn */
};

struct pf_progress pf_progress_start(size_t total);
/* One more is done. */
void pf_progress_step(struct pf_progress *progress, bool failed);
/* Draws the line anew when it is time to. */
void pf_progress_draw(struct pf_progress *progress);
/* Draws another line: what is being done (NULL: nothing to say of it), how far, and a note. */
void pf_progress_phase(struct pf_progress *progress, const char *what, size_t done, size_t total,
                       const char *note);
/* Erases the line. */
void pf_progress_end(struct pf_progress *progress);

#endif
