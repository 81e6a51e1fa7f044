/* A folder for the files of a test, and what is in them. */
#ifndef MPROC_TESTS_LOG_FILES_H
#define MPROC_TESTS_LOG_FILES_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char log_folder[] = "/tmp/mproc-log-XXXXXX";
static char log_path[64];

static inline void make_log_folder(void)
{
    cr_assert_not_null(mkdtemp(log_folder));
    snprintf(log_path, sizeof(log_path), "%s/log", log_folder);
}

static inline void remove_log_folder(void)
{
    DIR *folder = opendir(log_folder);

    for (struct dirent *entry; folder && (entry = readdir(folder));)
        unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    cr_expect_eq(rmdir(log_folder), 0);
}

/* The name of a rotated file; 0 is the one in use. */
static inline const char *log_name(unsigned number)
{
    static char name[80];

    snprintf(name, sizeof(name), number ? "%s.%u" : "%s", log_path, number);
    return name;
}

/* All of a file as a string, or NULL. */
static inline char *read_log(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    fstat(fd, &status);
    char *text = malloc((size_t)status.st_size + 1);
    ssize_t len = read(fd, text, (size_t)status.st_size);
    close(fd);
    cr_assert_eq(len, status.st_size);
    text[len] = '\0';
    return text;
}

#endif
