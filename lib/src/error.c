#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mproc/error.h>

#include "error_internal.h"

static _Thread_local char detail[512];
static _Thread_local int failure; /* that it is of */
static _Thread_local char unknown[40];

/* Where the library gives a number a meaning of its own, libc's sentence would mislead. */
static const struct {
    int err;
    const char *text;
} meanings[] = {
    {ECANCELED, "Stopped: the stop token of this thread was stopped while it waited"},
    {EDEADLK, "Refused: it could deadlock"},
    {EOWNERDEAD, "The owner died and left the work unfinished"},
    {ENOTRECOVERABLE, "The owner died and nobody repaired what it left"},
    {ETIMEDOUT, "The deadline has passed"},
    {EAGAIN, "Not now: it would block, or a resource is short for the moment"},
    {EBADMSG, "The bytes are damaged or are not what was expected"},
};

const char *mproc_strerror(int err)
{
    unsigned number = err < 0 ? 0u - (unsigned)err : (unsigned)err;

    if (number == 0)
        return "Success";
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if ((unsigned)meanings[i].err == number)
            return meanings[i].text;
    }
    const char *text = number <= INT_MAX ? strerrordesc_np((int)number) : NULL;
    if (text)
        return text;
    snprintf(unknown, sizeof(unknown), "Unknown error %u", number);
    return unknown;
}

const char *mproc_error_detail(void)
{
    return detail;
}

void mproc_forget_detail(void)
{
    detail[0] = '\0';
    failure = 0;
}

const char *mproc_detail_of(int err)
{
    return failure == err ? detail : "";
}

int mproc_fail(int err, const char *format, ...)
{
    int saved = errno;
    va_list list;

    va_start(list, format);
    vsnprintf(detail, sizeof(detail), format, list);
    va_end(list);
    failure = err;
    errno = saved;
    return err;
}
