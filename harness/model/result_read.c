#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/result.h"

static int unreadable(const char *name, struct pf_error *error)
{
    return pf_error_set(error, -EIO, "%s: cannot be read: %s", name, strerror(errno ? errno : EIO));
}

static int malformed(const char *name, const json_error_t *where, struct pf_error *error)
{
    switch (json_error_code(where)) {
    case json_error_premature_end_of_input:
        return pf_error_set(error, -EBADMSG, "%s:%d: the result is cut off here", name, where->line);
    case json_error_end_of_input_expected:
        return pf_error_set(
            error, -EBADMSG,
            "%s:%d: there is more than one result's JSON here; a trace is for `pitfall judge`", name,
            where->line);
    default:
        return pf_error_set(error, -EBADMSG, "%s:%d: column %d: %s", name, where->line, where->column,
                            where->text);
    }
}

int pf_result_read(FILE *file, const char *name, struct pf_result **ret_result, struct pf_error *error)
{
    errno = 0;
    int first = getc(file);
    if (first == EOF)
        return ferror(file) ? unreadable(name, error)
                            : pf_error_set(error, -EBADMSG,
                                           "%s: is empty; a result is made by --report json:FILE", name);
    ungetc(first, file);
    json_error_t where;
    json_t *json = json_loadf(file, JSON_REJECT_DUPLICATES, &where);
    if (!json && ferror(file))
        return unreadable(name, error);
    if (!json)
        return malformed(name, &where, error);
    struct pf_error inner = {""};
    int r = pf_result_from_json(json, ret_result, &inner);
    json_decref(json);
    return r < 0 ? pf_error_set(error, r, "%s: %s", name, inner.message) : 0;
}
