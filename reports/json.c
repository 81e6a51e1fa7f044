#include "reports/formats.h"

#include <errno.h>

int pf_json_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    (void)options;
    json_t *json = pf_result_to_json(result);
    if (!json)
        return -ENOMEM;
    /* ASCII only: a terminal on the other side must not see control characters of the upper set. */
    errno = 0;
    int r = json_dumpf(json, file, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9)) < 0
                ? (errno ? -errno : -EIO)
                : 0;
    json_decref(json);
    if (r == 0 && fputc('\n', file) == EOF)
        r = errno ? -errno : -EIO;
    return r < 0 ? r : pf_report_flush(file);
}
