/* locate.h - find the file that a command names, as execvp(3) would, before anything is started. */
#ifndef PF_LAUNCH_LOCATE_H
#define PF_LAUNCH_LOCATE_H

#include "model/arena.h"
#include "model/error.h"

/*
 * Looks `name` up in PATH unless it has a slash; a relative name is taken from `directory` (NULL: the
 * caller's). Errors: -ENOENT, -EACCES with a message that says what was looked for and where.
 */
int pf_launch_locate(const char *name, const char *directory, struct pf_arena *arena, const char **ret_path,
                     struct pf_error *error);

#endif
