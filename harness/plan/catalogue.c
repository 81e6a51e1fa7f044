#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/nearest.h"
#include "plan/scenario.h"

static struct pf_scenario **add_slot(struct pf_catalogue *catalogue)
{
    struct pf_scenario **larger =
        realloc(catalogue->scenarios, (catalogue->count + 1) * sizeof(*catalogue->scenarios));
    if (!larger)
        abort();
    catalogue->scenarios = larger;
    return &catalogue->scenarios[catalogue->count++];
}

static bool has_manifest(const char *folder)
{
    char *path;
    if (asprintf(&path, "%s/" PF_MANIFEST_NAME, folder) < 0)
        abort();
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static int add_folder(struct pf_catalogue *catalogue, const char *folder, struct pf_error *error)
{
    struct pf_scenario *scenario;
    if (!has_manifest(folder))
        return 0;
    int result = pf_scenario_read(folder, &scenario, error);
    if (result < 0)
        return result;
    const struct pf_scenario *other = pf_catalogue_find(catalogue, scenario->id);
    *add_slot(catalogue) = scenario;
    if (other)
        return pf_error_set(error, -EINVAL, "%s and %s are both called \"%s\"", other->directory,
                            scenario->directory, scenario->id);
    return 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int add_folders(struct pf_catalogue *catalogue, const char *directory, struct pf_error *error)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, alphasort), result = 0;
    if (count < 0) {
        int code = errno;
        return pf_error_set(error, -code, "%s: %s", directory, strerror(code));
    }
    for (int i = 0; i < count; i++) {
        char *folder;
        if (asprintf(&folder, "%s/%s", directory, entries[i]->d_name) < 0)
            abort();
        if (result == 0)
            result = add_folder(catalogue, folder, error);
        free(folder);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int by_order_then_id(const void *left, const void *right)
{
    const struct pf_scenario *a = *(struct pf_scenario *const *)left,
                             *b = *(struct pf_scenario *const *)right;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return strcmp(a->id, b->id);
}

int pf_catalogue_read(const char *directory, struct pf_catalogue *ret_catalogue, struct pf_error *error)
{
    struct pf_catalogue catalogue = {0};
    int result = has_manifest(directory) ? add_folder(&catalogue, directory, error)
                                         : add_folders(&catalogue, directory, error);
    if (result == 0 && catalogue.count == 0)
        result = pf_error_set(error, -ENOENT, "%s: there is no scenario in it, expected folders with a %s",
                              directory, PF_MANIFEST_NAME);
    if (result < 0) {
        pf_catalogue_free(&catalogue);
        return result;
    }
    qsort(catalogue.scenarios, catalogue.count, sizeof(catalogue.scenarios[0]), by_order_then_id);
    *ret_catalogue = catalogue;
    return 0;
}

void pf_catalogue_free(struct pf_catalogue *catalogue)
{
    if (!catalogue)
        return;
    for (size_t i = 0; i < catalogue->count; i++)
        pf_scenario_free(catalogue->scenarios[i]);
    free(catalogue->scenarios);
    *catalogue = (struct pf_catalogue){0};
}

const struct pf_scenario *pf_catalogue_find(const struct pf_catalogue *catalogue, const char *id)
{
    for (size_t i = 0; i < catalogue->count; i++)
        if (strcmp(catalogue->scenarios[i]->id, id) == 0)
            return catalogue->scenarios[i];
    return NULL;
}

const char *pf_catalogue_suggest(const struct pf_catalogue *catalogue, const char *id)
{
    struct pf_nearest nearest = pf_nearest_new(id, strlen(id));
    for (size_t i = 0; i < catalogue->count; i++)
        pf_nearest_offer(&nearest, catalogue->scenarios[i]->id);
    return nearest.best;
}
