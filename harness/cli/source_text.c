#include "cli/source_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *pf_source_text(const char *path)
{
    errno = 0;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    ssize_t length = getdelim(&text, &size, '\0', file);
    int code = ferror(file) ? errno : 0;
    fclose(file);
    errno = code;
    if (length > 0)
        return text;
    free(text);
    return NULL;
}
