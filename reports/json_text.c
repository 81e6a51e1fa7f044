#include "reports/json_text.h"

#include <errno.h>

#include "reports/plain.h"
#include "reports/reports.h"

json_t *pf_json_text(const char *text)
{
    struct pf_arena *arena = pf_arena_new();
    json_t *json = json_string(pf_plain_text(arena, text));
    pf_arena_free(arena);
    return json;
}

json_t *pf_json_line(const char *text)
{
    struct pf_arena *arena = pf_arena_new();
    json_t *json = json_string(pf_plain_line(arena, text));
    pf_arena_free(arena);
    return json;
}

/* ASCII only: a terminal on the other side must not see control characters of the upper set. */
#define LAYOUT (JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9))

char *pf_json_dump(const json_t *json)
{
    return json_dumps(json, LAYOUT);
}

int pf_json_finish(json_t *json, FILE *file)
{
    if (!json)
        return -ENOMEM;
    errno = 0;
    int r = json_dumpf(json, file, LAYOUT) < 0 ? (errno ? -errno : -EIO) : 0;
    json_decref(json);
    if (r == 0 && fputc('\n', file) == EOF)
        r = errno ? -errno : -EIO;
    return r < 0 ? r : pf_report_flush(file);
}
