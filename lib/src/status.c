#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <mproc/process.h>

#include "error_internal.h"

const char *mproc_status_describe(const struct mproc_status *status, char *ret_text, size_t size)
{
    static const char *const steps[MPROC_STEP__COUNT] = {
        [MPROC_STEP_NONE] = "",
        [MPROC_STEP_ASK] = " (asked to stop by its owner)",
        [MPROC_STEP_INTERRUPT] = " (interrupted by its owner)",
        [MPROC_STEP_TERMINATE] = " (terminated by its owner)",
        [MPROC_STEP_KILL] = " (killed by its owner)",
    };
    bool is_known = (unsigned)status->step < MPROC_STEP__COUNT;
    const char *why = status->guard_died ? " (its guard died)" : is_known ? steps[status->step] : "";
    const char *name = status->end == MPROC_END_SIGNAL ? sigabbrev_np(status->signal) : NULL;

    switch (status->end) {
    case MPROC_END_EXIT:
        if (status->returned && status->result != status->code)
            snprintf(ret_text, size, "returned %d%s", status->result, why);
        else
            snprintf(ret_text, size, "exit code %d%s", status->code, why);
        break;
    case MPROC_END_SIGNAL:
        if (name)
            snprintf(ret_text, size, "killed by SIG%s%s%s", name, status->core_dumped ? ", core dumped" : "",
                     why);
        else
            snprintf(ret_text, size, "killed by signal %d%s", status->signal, why);
        break;
    case MPROC_END_NONE:
        snprintf(ret_text, size, "runs");
        break;
    default:
        snprintf(ret_text, size, "reaped by another part of the program%s", why);
    }
    return ret_text;
}

int mproc_status_check(const struct mproc_status *status)
{
    char how[96];

    if (!status)
        return mproc_fail(-EINVAL, "a NULL is no status");
    if (status->end == MPROC_END_EXIT && status->code == 0)
        return 0;
    if (status->result != 0 && status->detail[0])
        return mproc_fail(status->result, "%s", status->detail);
    int err = status->result != 0 ? status->result : status->end == MPROC_END_NONE ? -EAGAIN : -ECHILD;
    return mproc_fail(err, "the process ended: %s", mproc_status_describe(status, how, sizeof(how)));
}
