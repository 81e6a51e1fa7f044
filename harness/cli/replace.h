/*
 * replace.h - write a file whole or not at all.
 *
 * It is written under a temporary name beside its target and renamed. Devices and pipes are written to
 * directly.
 */
#ifndef PF_CLI_REPLACE_H
#define PF_CLI_REPLACE_H

#include <stdio.h>

#include "model/error.h"

/*
 * Can the file be made at all? To be asked before a long run, so that what it shows is not lost. `what` the
 * file is to be goes into the message. Returns 0 or -errno.
 */
int pf_replace_check(const char *path, const char *what, struct pf_error *error);

/* Lets `write` fill the file; where that returns less than 0, the old one stays. Returns 0 or -errno. */
int pf_replace_file(const char *path, int (*write)(void *context, FILE *file), void *context);

#endif
