#include "supervise/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { CHUNK = 16 * 1024, CHARACTER_MAX = 4 };
static const uint64_t KEPT_MAX = 1024 * 1024; /* per stream; what is beyond is counted */

struct pf_stream_state {
    uint64_t kept;           /* bytes in the trace */
    char cut[CHARACTER_MAX]; /* the beginning of a character whose end has not come yet */
    size_t cut_length;
    /* Of standard output only. */
    uint64_t size;
    uint64_t same; /* bytes from the beginning on that are as expected */
    bool binary;
    XXH3_state_t *hash;
};

struct pf_output {
    struct pf_stream_state streams[2];
};

void pf_output_init(struct pf_run *run)
{
    run->output = pf_arena_alloc(run->trace->arena, sizeof(*run->output));
    XXH3_state_t *hash = XXH3_createState();
    if (!hash || XXH3_64bits_reset(hash) != XXH_OK)
        abort();
    run->output->streams[0].hash = hash;
}

void pf_output_free(struct pf_run *run)
{
    XXH3_freeState(run->output->streams[0].hash);
}

/* Strings of the trace end at a zero byte: show one as U+2400 would take three bytes, so it becomes a space.
 */
static void no_zeros(char *text, size_t length)
{
    for (char *zero; (zero = memchr(text, '\0', length));)
        *zero = ' ';
}

static void emit(struct pf_run *run, int stream, char *text, size_t length)
{
    struct pf_stream_state *state = &run->output->streams[stream];
    uint64_t room = KEPT_MAX - state->kept;
    size_t kept = length < room ? length : (size_t)room;
    state->binary |= kept > 0 && !pf_is_text(text, kept);
    no_zeros(text, kept);
    struct pf_ev_output output = {.stream = stream ? "stderr" : "stdout",
                                  .text = pf_arena_strndup(run->trace->arena, text, kept),
                                  .dropped = length - kept};
    state->kept += kept;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_OUTPUT, .output = output});
}

/* How many bytes at the end begin a UTF-8 character and do not finish it. */
static size_t cut_character(const char *text, size_t length)
{
    for (size_t back = 1; back < CHARACTER_MAX && back <= length; back++) {
        unsigned char byte = (unsigned char)text[length - back];
        size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        if (byte < 0x80 || byte >= 0xC0)
            return back < whole ? back : 0;
    }
    return 0;
}

/* What is read is shown in whole characters: a program's writes and our reads cut where they like. */
static void take(struct pf_run *run, int stream, char *text, size_t length, bool last)
{
    struct pf_stream_state *state = &run->output->streams[stream];
    size_t cut = last ? 0 : cut_character(text, length);
    if (length > cut)
        emit(run, stream, text, length - cut);
    memcpy(state->cut, text + length - cut, cut);
    state->cut_length = cut;
}

/* How long the beginning is that the two have in common. */
static size_t common_beginning(const char *a, const char *b, size_t length)
{
    if (memcmp(a, b, length) == 0)
        return length;
    size_t same = 0;
    while (a[same] == b[same])
        same++;
    return same;
}

static void measure(const struct pf_run *run, const char *bytes, size_t length)
{
    struct pf_stream_state *state = &run->output->streams[0];
    const struct pf_content *expected = run->trial->expect.printed;
    XXH3_64bits_update(state->hash, bytes, length);
    if (expected && expected->bytes && state->same == state->size && expected->held > state->size) {
        uint64_t rest = expected->held - state->size;
        state->same +=
            common_beginning(bytes, expected->bytes + state->size, length < rest ? length : (size_t)rest);
    }
    state->size += length;
}

static void drain(struct pf_run *run, int stream)
{
    struct pf_stream_state *state = &run->output->streams[stream];
    char text[CHARACTER_MAX + CHUNK];
    for (;;) {
        size_t before = state->cut_length;
        ssize_t length = read(run->launched.output[stream], text + before, CHUNK);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return;
        memcpy(text, state->cut, before);
        if (stream == 0)
            measure(run, text + before, (size_t)length);
        take(run, stream, text, before + (size_t)length, length == 0);
        if (length == 0) {
            close(run->launched.output[stream]);
            run->launched.output[stream] = -1;
            return;
        }
    }
}

void pf_output_serve(struct pf_run *run)
{
    for (int stream = 0; stream < 2; stream++)
        if (run->launched.output[stream] >= 0)
            drain(run, stream);
}

void pf_output_finish(struct pf_run *run)
{
    const struct pf_stream_state *state = &run->output->streams[0];
    if (!run->trial->capture)
        return;
    for (int stream = 0; stream < 2; stream++)
        take(run, stream, run->output->streams[stream].cut, run->output->streams[stream].cut_length, true);
    struct pf_ev_stream whole = {
        .stream = "stdout",
        .size = state->size,
        .digest = pf_content_digest(XXH3_64bits_digest(state->hash), run->trace->arena),
        .binary = state->binary,
        .same = state->same,
    };
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_STREAM, .stream = whole});
}
