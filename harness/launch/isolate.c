#include "launch/isolate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_below(const char *path, const char *top)
{
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Directories inside one another need one layer, the outermost. */
static void add_layer(struct pf_child_layer *layers, size_t *count, const char *path, bool temporary,
                      struct pf_arena *arena)
{
    char resolved[PATH_MAX];
    struct stat status;
    if (!path || *path != '/' || !realpath(path, resolved) || stat(resolved, &status) < 0 ||
        !S_ISDIR(status.st_mode) || strcmp(resolved, "/") == 0)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (is_below(resolved, layers[i].path)) {
            layers[i].temporary |= temporary && strcmp(resolved, layers[i].path) == 0;
            return;
        }
    }
    for (size_t i = 0; i < *count; i++)
        if (!is_below(layers[i].path, resolved))
            layers[kept++] = layers[i];
    *count = kept;
    if (kept < PF_LAYERS_MAX)
        layers[(*count)++] = (struct pf_child_layer){
            .path = pf_arena_strdup(arena, resolved), .temporary = temporary, .status = status};
}

/* The octal escapes of /proc/self/mountinfo. */
static void unescape(char *text)
{
    char *to = text;
    for (; *text; text++) {
        unsigned code;
        if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
            *to++ = (char)code;
            text += 3;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

/* What is mounted below a layer would vanish under it: it is mounted again on top, as it is. */
static int find_mounts_below(struct pf_child_place *place, struct pf_arena *arena)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return -errno;
    const char **below = pf_arena_alloc(arena, PF_MOUNTS_BELOW_MAX * sizeof(*below));
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0 && place->below_count < PF_MOUNTS_BELOW_MAX) {
        char point[PATH_MAX];
        if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1)
            continue;
        unescape(point);
        bool covered = false;
        for (size_t i = 0; i < place->layer_count; i++)
            covered |= is_below(point, place->layers[i].path) && strcmp(point, place->layers[i].path) != 0;
        /* What is mounted below another of them comes along with it. */
        for (size_t i = 0; i < place->below_count; i++)
            covered &= !is_below(point, below[i]);
        if (covered)
            below[place->below_count++] = pf_arena_strdup(arena, point);
    }
    free(line);
    fclose(file);
    place->below = below;
    return 0;
}

/* An overlay in a user namespace cannot copy a directory of somebody else. Returns the first such, from the
 * working directory up to its layer, or NULL. */
static const char *find_foreign(const struct pf_child_place *place, struct pf_arena *arena)
{
    char *at = pf_arena_strdup(arena, place->layers_directory);
    const struct pf_child_layer *layer = place->layers;
    while (layer < place->layers + place->layer_count && !is_below(at, layer->path))
        layer++;
    if (layer == place->layers + place->layer_count)
        return NULL;
    for (; strcmp(at, layer->path) != 0; *strrchr(at, '/') = '\0') {
        struct stat status;
        if (stat(at, &status) < 0 || status.st_uid != geteuid() || status.st_gid != getegid())
            return at;
    }
    return NULL;
}

int pf_isolate_prepare(const struct pf_trial *trial, bool mapped, struct pf_arena *arena,
                       struct pf_child_place *place, const char **ret_note, struct pf_error *error)
{
    char here[PATH_MAX];
    if (!realpath(trial->directory ? trial->directory : ".", here))
        return pf_error_set(error, -errno, "%s: cannot be made the working directory: %s",
                            trial->directory ? trial->directory : ".", strerror(errno));
    struct pf_child_layer *layers = pf_arena_alloc(arena, PF_LAYERS_MAX * sizeof(*layers));
    add_layer(layers, &place->layer_count, "/tmp", true, arena);
    if (getenv("TMPDIR"))
        add_layer(layers, &place->layer_count, getenv("TMPDIR"), true, arena);
    add_layer(layers, &place->layer_count, here, false, arena);
    add_layer(layers, &place->layer_count, getenv("HOME"), false, arena);
    for (size_t i = 0; i < place->layer_count; i++) {
        layers[i].upper = pf_arena_printf(arena, "u%zu", i);
        layers[i].work = pf_arena_printf(arena, "w%zu", i);
    }
    place->layers = layers;
    place->layers_directory = pf_arena_strdup(arena, here);
    *ret_note =
        strcmp(here, "/") == 0
            ? "the program starts in /, which is not isolated: only the temporary directories and the "
              "home directory are"
            : NULL;
    const char *foreign = mapped ? find_foreign(place, arena) : NULL;
    if (foreign) {
        place->layer_count = 0;
        *ret_note = pf_arena_printf(arena, "%s belongs to another user or group than yours: that takes root",
                                    foreign);
        return 0;
    }
    int r = find_mounts_below(place, arena);
    if (r < 0)
        return pf_error_set(error, r, "/proc/self/mountinfo: %s", strerror(-r));
    if (place->below_count)
        *ret_note = pf_arena_printf(arena, "%s is mounted below what is isolated, and is not isolated itself",
                                    place->below[0]);
    return 0;
}
