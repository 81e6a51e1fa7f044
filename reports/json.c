#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/formats.h"
#include "reports/json_text.h"

/* After a write: a full disk is told of as such, and nothing more is written. */
static int written(FILE *file)
{
    return !ferror(file) ? 0 : errno ? -errno : -EIO;
}

/* The text of a value, as far to the right as it stands in the whole: a line break in JSON is only layout. */
static int write_indented(json_t *json, const char *indent, FILE *file)
{
    char *text = pf_json_dump(json);
    json_decref(json);
    if (!text)
        return -ENOMEM;
    for (const char *line = text; line;) {
        size_t length = strcspn(line, "\n");
        fwrite(line, 1, length, file);
        line = line[length] ? line + length + 1 : NULL;
        if (line)
            fprintf(file, "\n%s", indent);
    }
    free(text);
    return written(file);
}

/* All that is not of single trials, without the end of the object. */
static int write_head(json_t *json, FILE *file)
{
    char *text = pf_json_dump(json);
    json_decref(json);
    if (!text)
        return -ENOMEM;
    fwrite(text, 1, strlen(text) - strlen("\n}"), file);
    free(text);
    return written(file);
}

/* Trial by trial: a sweep may have tens of thousands, and all of them at once took much more memory than it.
 */
int pf_json_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    (void)options;
    errno = 0;
    int r = write_head(pf_result_head_to_json(result), file);
    fputs(",\n  \"trials\": [", file);
    for (size_t i = 0; i < result->trial_count && r == 0; i++) {
        fputs(i ? ",\n    " : "\n    ", file);
        r = write_indented(pf_result_trial_to_json(&result->trials[i]), "    ", file);
    }
    if (r < 0)
        return r;
    fputs(result->trial_count ? "\n  ]\n}\n" : "]\n}\n", file);
    return pf_report_flush(file);
}
