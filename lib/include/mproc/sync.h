/*
 * Synchronisation between processes: everything of it at once.
 *
 * All of these are memory that their users share, without a server and without a name; they travel in the
 * arguments of a process. Any user may be killed at any instruction: the others go on, and are told of a
 * death where it matters.
 */
#ifndef MPROC_SYNC_H
#define MPROC_SYNC_H

#include <mproc/barrier.h>
#include <mproc/condition.h>
#include <mproc/event.h>
#include <mproc/mutex.h>
#include <mproc/rlock.h>
#include <mproc/rwlock.h>
#include <mproc/semaphore.h>

#endif
