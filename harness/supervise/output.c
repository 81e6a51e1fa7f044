#include "supervise/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16 * 1024 };
static const uint64_t KEPT_MAX = 1024 * 1024; /* per stream; what is beyond is counted */

/* Strings of the trace end at a zero byte: show one as U+2400 would take three bytes, so it becomes a space.
 */
static void no_zeros(char *text, size_t length)
{
    for (char *zero; (zero = memchr(text, '\0', length));)
        *zero = ' ';
}

static void emit(struct pf_run *run, int stream, char *text, size_t length)
{
    uint64_t room = KEPT_MAX - run->output_kept[stream];
    size_t kept = length < room ? length : (size_t)room;
    no_zeros(text, kept);
    struct pf_ev_output output = {.stream = stream ? "stderr" : "stdout",
                                  .text = pf_arena_strndup(run->trace->arena, text, kept),
                                  .dropped = length - kept};
    run->output_kept[stream] += kept;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_OUTPUT, .output = output});
}

static void drain(struct pf_run *run, int stream)
{
    char text[CHUNK];
    for (;;) {
        ssize_t length = read(run->launched.output[stream], text, sizeof(text));
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return;
        if (length == 0) {
            close(run->launched.output[stream]);
            run->launched.output[stream] = -1;
            return;
        }
        emit(run, stream, text, (size_t)length);
    }
}

void pf_output_serve(struct pf_run *run)
{
    for (int stream = 0; stream < 2; stream++)
        if (run->launched.output[stream] >= 0)
            drain(run, stream);
}
