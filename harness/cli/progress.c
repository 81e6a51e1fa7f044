#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S    1000000000ULL
#define INTERVAL_NS (NS_PER_S / 10)

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct pf_progress pf_progress_start(size_t total)
{
    const char *terminal = getenv("TERM");
    bool can_erase = terminal && strcmp(terminal, "dumb") != 0;
    return (struct pf_progress){
        .shown = total > 1 && can_erase && isatty(STDERR_FILENO), .total = total, .start_ns = now_ns()};
}

void pf_progress_step(struct pf_progress *progress, bool failed)
{
    progress->done++;
    progress->failed += failed;
    pf_progress_draw(progress);
}

void pf_progress_draw(struct pf_progress *progress)
{
    uint64_t now = now_ns();
    if (!progress->shown || now - progress->drawn_ns < INTERVAL_NS)
        return;
    progress->drawn_ns = now;
    double seconds = (double)(now - progress->start_ns) / (double)NS_PER_S;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    fprintf(stderr, "\r\033[K%s%s%zu/%zu", progress->what ? progress->what : "", progress->what ? " " : "",
            progress->done, progress->total);
    if (progress->failed)
        fprintf(stderr, ", %zu not as expected", progress->failed);
    if (rate > 0)
        fprintf(stderr, ", %.1f a second, %.0f s left", rate,
                (double)(progress->total - progress->done) / rate);
    if (progress->note && *progress->note)
        fprintf(stderr, "; %s", progress->note);
    fflush(stderr);
}

void pf_progress_phase(struct pf_progress *progress, const char *what, size_t done, size_t total,
                       const char *note)
{
    if (done < progress->done || total != progress->total)
        progress->start_ns = now_ns();
    progress->done = done;
    progress->total = total;
    progress->what = what;
    progress->note = note;
    pf_progress_draw(progress);
}

void pf_progress_end(struct pf_progress *progress)
{
    if (progress->shown && progress->drawn_ns) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->shown = false;
}
