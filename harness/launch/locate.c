#include "launch/locate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0 when the file can be executed, else what execve would say. */
static int executable(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    return access(path, X_OK) < 0 ? -errno : 0;
}

static int explain(const char *name, int r, struct pf_error *error)
{
    switch (r) {
    case -EISDIR:
        return pf_error_set(error, -EACCES, "%s: is a directory, not a program", name);
    case -EACCES:
        return pf_error_set(error, -EACCES,
                            "%s: may not be executed; if it is a program, run `chmod +x` on it", name);
    case -ENOENT:
        return pf_error_set(error, -ENOENT, "%s: no such program", name);
    default:
        return pf_error_set(error, r, "%s: %s", name, strerror(-r));
    }
}

static int search_path(const char *name, struct pf_arena *arena, const char **ret_path,
                       struct pf_error *error)
{
    const char *path = getenv("PATH");
    if (!path)
        path = "/bin:/usr/bin";
    bool denied = false;
    for (const char *entry = path;; entry++) {
        size_t length = strcspn(entry, ":");
        const char *candidate = length ? pf_arena_printf(arena, "%.*s/%s", (int)length, entry, name)
                                       : pf_arena_printf(arena, "./%s", name);
        int r = executable(candidate);
        if (r == 0) {
            *ret_path = candidate;
            return 0;
        }
        /* A folder that may not be searched holds nothing for this user. */
        denied |= r == -EACCES && access(candidate, F_OK) == 0;
        entry += length;
        if (*entry == '\0')
            break;
    }
    if (denied)
        return explain(name, -EACCES, error);
    return pf_error_set(error, -ENOENT, "%s: command not found in PATH", name);
}

int pf_launch_locate(const char *name, const char *directory, struct pf_arena *arena, const char **ret_path,
                     struct pf_error *error)
{
    if (*name == '\0')
        return pf_error_set(error, -ENOENT, "the command is an empty word");
    if (!strchr(name, '/'))
        return search_path(name, arena, ret_path, error);
    const char *from_here =
        directory && *name != '/' ? pf_arena_printf(arena, "%s/%s", directory, name) : name;
    int r = executable(from_here);
    if (r < 0)
        return explain(name, r, error);
    *ret_path = pf_arena_strdup(arena, name);
    return 0;
}
