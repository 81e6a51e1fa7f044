#include "cli/selection.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The folder that holds the catalogue. */
static int locate(struct pf_arena *arena, const char **ret_directory, struct pf_error *error)
{
    static const char *const places[] = {"../scenarios", "../lib/pitfall/scenarios"};
    const char *chosen = getenv("PITFALL_SCENARIOS");
    if (chosen && *chosen) {
        if (!is_directory(chosen))
            return pf_error_set(error, -ENOENT, "$PITFALL_SCENARIOS is \"%s\", which is no directory",
                                chosen);
        *ret_directory = pf_arena_strdup(arena, chosen);
        return 0;
    }
    char executable[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
    if (length < 0)
        return pf_error_set(error, -ENOENT,
                            "/proc/self/exe cannot be read (%s): set $PITFALL_SCENARIOS to "
                            "the folder of the scenarios",
                            strerror(errno));
    executable[length] = '\0';
    *strrchr(executable, '/') = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *resolved = realpath(pf_arena_printf(arena, "%s/%s", executable, places[i]), NULL);
        if (resolved && is_directory(resolved)) {
            *ret_directory = pf_arena_strdup(arena, resolved);
            free(resolved);
            return 0;
        }
        free(resolved);
    }
    return pf_error_set(
        error, -ENOENT,
        "the scenarios are neither in %s/%s nor in %s/%s: set $PITFALL_SCENARIOS to their folder", executable,
        places[0], executable, places[1]);
}

static void add(struct pf_selection *selection, const struct pf_scenario *scenario)
{
    const struct pf_scenario **slot =
        pf_arena_grow(selection->arena, &selection->scenarios, &selection->count, sizeof(*slot));
    *slot = scenario;
}

/* A catalogue that the selection owns; the pointer is good until the next call. */
static int read_catalogue(struct pf_selection *selection, const char *directory,
                          const struct pf_catalogue **ret_catalogue, struct pf_error *error)
{
    struct pf_catalogue catalogue = {0};
    int r = pf_catalogue_read(directory, &catalogue, error);
    if (r < 0)
        return -EINVAL;
    struct pf_catalogue *slot =
        pf_arena_grow(selection->arena, &selection->catalogues, &selection->catalogue_count, sizeof(*slot));
    *slot = catalogue;
    *ret_catalogue = slot;
    return 0;
}

static int add_catalogue(struct pf_selection *selection, const char *directory, struct pf_error *error)
{
    const struct pf_catalogue *catalogue = NULL;
    int r = read_catalogue(selection, directory, &catalogue, error);
    if (r < 0)
        return r;
    if (!catalogue->count)
        return pf_error_set(error, -EINVAL,
                            "%s: holds no scenario: neither it nor a folder in it has a pitfall.yaml",
                            directory);
    for (size_t i = 0; i < catalogue->count; i++)
        add(selection, catalogue->scenarios[i]);
    return 0;
}

static int add_folder(struct pf_selection *selection, const char *directory, struct pf_error *error)
{
    if (!is_directory(directory))
        return pf_error_set(error, -EINVAL, "%s: is no directory", directory);
    const char *manifest = pf_arena_printf(selection->arena, "%s/pitfall.yaml", directory);
    if (access(manifest, F_OK) < 0)
        return add_catalogue(selection, directory, error);
    struct pf_scenario *scenario = NULL;
    if (pf_scenario_read(directory, &scenario, error) < 0)
        return -EINVAL;
    struct pf_scenario **slot =
        pf_arena_grow(selection->arena, &selection->singles, &selection->single_count, sizeof(*slot));
    *slot = scenario;
    add(selection, scenario);
    return 0;
}

static int add_id(struct pf_selection *selection, const struct pf_catalogue *catalogue, const char *id,
                  struct pf_error *error)
{
    const struct pf_scenario *scenario = pf_catalogue_find(catalogue, id);
    if (scenario) {
        add(selection, scenario);
        return 0;
    }
    if (is_directory(id))
        return add_folder(selection, id, error);
    const char *near = pf_catalogue_suggest(catalogue, id);
    if (near)
        return pf_error_set(error, -EINVAL, "there is no scenario \"%s\"; did you mean \"%s\"?", id, near);
    return pf_error_set(error, -EINVAL, "there is no scenario \"%s\"; `pitfall list` shows them all", id);
}

static int add_words(struct pf_selection *selection, char *const *words, size_t count, struct pf_error *error)
{
    /* Read once and only when an id is named; kept by value, for the array of catalogues may move. */
    struct pf_catalogue catalogue = {0};
    bool have = false;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        if (words[i][0] == '.' || strchr(words[i], '/')) {
            r = add_folder(selection, words[i], error);
            continue;
        }
        if (!have) {
            const char *directory = NULL;
            const struct pf_catalogue *read = NULL;
            r = locate(selection->arena, &directory, error);
            if (r == 0)
                r = read_catalogue(selection, directory, &read, error);
            if (r != 0)
                break;
            catalogue = *read;
            have = true;
        }
        r = add_id(selection, &catalogue, words[i], error);
    }
    return r;
}

int pf_selection_open(char *const *words, size_t count, struct pf_selection *ret_selection,
                      struct pf_error *error)
{
    struct pf_selection selection = {.arena = pf_arena_new()};
    int r;
    if (count) {
        r = add_words(&selection, words, count, error);
    } else {
        const char *directory = NULL;
        r = locate(selection.arena, &directory, error);
        if (r == 0)
            r = add_catalogue(&selection, directory, error);
    }
    if (r < 0) {
        pf_selection_close(&selection);
        return r;
    }
    *ret_selection = selection;
    return 0;
}

void pf_selection_close(struct pf_selection *selection)
{
    for (size_t i = 0; i < selection->catalogue_count; i++)
        pf_catalogue_free(&selection->catalogues[i]);
    for (size_t i = 0; i < selection->single_count; i++)
        pf_scenario_free(selection->singles[i]);
    pf_arena_free(selection->arena);
    *selection = (struct pf_selection){0};
}
