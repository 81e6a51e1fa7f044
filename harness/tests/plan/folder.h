/* folder.h - a temporary folder of files for one test. */
#ifndef PF_TESTS_PLAN_FOLDER_H
#define PF_TESTS_PLAN_FOLDER_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static inline void folder_make(void)
{
    char name[] = "/tmp/pitfall-plan-XXXXXX";
    char *real = realpath(mkdtemp(name), NULL);
    cr_assert_not_null(real);
    snprintf(folder, sizeof(folder), "%s", real);
    free(real);
}

static inline int folder_remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static inline void folder_remove(void)
{
    nftw(folder, folder_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name in the folder, in one of a few static buffers. */
static inline const char *folder_path(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Writes a file, and the folder that it is in. */
static inline void folder_write(const char *name, const char *text, size_t length, mode_t mode)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    mkdir(path, 0755);
    *slash = '/';
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(text, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

static inline void folder_text(const char *name, const char *text)
{
    folder_write(name, text, strlen(text), 0644);
}

static inline void folder_program(const char *name)
{
    folder_write(name, "#!/bin/sh\n", 10, 0755);
}

#endif
