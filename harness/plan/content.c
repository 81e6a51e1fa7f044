/* What a trial's output is to be compared with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

static const size_t SIZE_MAX_READ = 1024UL * 1024 * 1024;

static int read_all(FILE *file, struct pf_arena *arena, char **ret_bytes, size_t *ret_size)
{
    size_t size = 0, room = 64 * 1024;
    char *bytes = pf_arena_alloc(arena, room);
    for (size_t got; (got = fread(bytes + size, 1, room - size, file)) > 0;) {
        size += got;
        if (size < room)
            continue;
        if (room >= SIZE_MAX_READ)
            return -EFBIG;
        char *wider = pf_arena_alloc(arena, 2 * room);
        memcpy(wider, bytes, size);
        bytes = wider;
        room *= 2;
    }
    if (ferror(file))
        return errno ? -errno : -EIO;
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}

int pf_content_read(const char *path, struct pf_arena *arena, const struct pf_content **ret_content,
                    struct pf_error *error)
{
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return pf_error_set(error, -ENOENT,
                            "%s: no such file; it is to hold what the program should print (a text to look "
                            "for goes to --expect-text)",
                            path);
    if (!file)
        return pf_error_set(error, -errno, "%s: %s", path, strerror(errno));
    char *bytes = NULL;
    size_t size = 0;
    int r = read_all(file, arena, &bytes, &size);
    fclose(file);
    if (r == -EFBIG)
        return pf_error_set(error, r, "%s: more than 1 GiB is too much to compare with", path);
    if (r < 0)
        return pf_error_set(error, r, "%s: %s", path, strerror(-r));
    struct pf_content *content = pf_arena_alloc(arena, sizeof(*content));
    *content = pf_content_new(path, bytes, size, arena);
    *ret_content = content;
    return 0;
}
