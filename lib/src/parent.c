#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <mproc/process.h>

#include "error_internal.h"
#include "worker.h"

static struct mproc_parent parent;
static pid_t child; /* whose parent it is; 0: this process is no worker */

void mproc_parent_keep(const struct mproc_owner *owner, pid_t self)
{
    parent.pid = owner->pid;
    parent.sentinel = owner->pidfd;
    snprintf(parent.name, sizeof(parent.name), "%s", owner->name);
    child = self;
}

int mproc_process_parent(struct mproc_parent *ret_parent)
{
    if (child == 0)
        return mproc_fail(-ECHILD, "this process is not one that this library has started");
    if (child != getpid())
        return mproc_fail(
            -ECHILD,
            "this process is a fork of process %d, which the library has started; itself it is not one",
            (int)child);
    *ret_parent = parent;
    return 0;
}
