/*
 * path.h - paths as people name them.
 */
#ifndef PF_MODEL_PATH_H
#define PF_MODEL_PATH_H

/* What is behind the last slash, which may be all of it: a part of the path itself. NULL of NULL. */
const char *pf_path_name(const char *path);

#endif
