/* What is to be run for a variant, where its source is, and whether this machine can run it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/cursor.h"
#include "plan/scenario.h"

#define FOLDER "{dir}"

struct search {
    const struct pf_scenario_reading *reading;
    const struct pf_manifest_variant *given;
    struct pf_variant *variant;
    struct pf_arena *arena;
    const char *folder;
    size_t index;
};

static int refuse(const struct search *search, const char *key, const char *reason)
{
    char where[64];
    snprintf(where, sizeof(where), "variants[%zu].%s", search->index, key);
    return pf_yaml_refuse(search->reading->yaml, search->reading->error, where, "%s", reason);
}

/* A path of the manifest: relative ones begin at its folder. */
static const char *path_of(const struct search *search, const char *path)
{
    if (path[0] == '/')
        return pf_arena_strdup(search->arena, path);
    return pf_arena_printf(search->arena, "%s/%s", search->folder, path);
}

static bool is_file(const char *path, int access_mode)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, access_mode) == 0;
}

/* As execvp(3) would find it; NULL when there is no such program. */
static const char *find_command(const struct search *search, const char *name)
{
    if (strchr(name, '/')) {
        const char *path = path_of(search, name);
        return is_file(path, X_OK) ? path : NULL;
    }
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at; at += strspn(at, ":")) {
        size_t length = strcspn(at, ":");
        const char *candidate = pf_arena_printf(search->arena, "%.*s/%s", (int)length, at, name);
        if (is_file(candidate, X_OK))
            return candidate;
        at += length;
    }
    return NULL;
}

static void add_word(const struct search *search, const char *word)
{
    struct pf_variant *variant = search->variant;
    const char **slot =
        pf_arena_grow(search->arena, &variant->command, &variant->command_count, sizeof(*slot));
    *slot = word;
}

/* The interpreter or program of that name, or the name itself and a reason to skip the variant. */
static const char *command_or_skip(const struct search *search, const char *name)
{
    const char *path = find_command(search, name);
    if (!path)
        search->variant->skip = pf_arena_printf(search->arena, "no %s on this machine", name);
    return path ? path : pf_arena_strdup(search->arena, name);
}

static const char *fill_in_folder(const struct search *search, const char *word)
{
    const char *filled = "", *at;
    for (; (at = strstr(word, FOLDER)); word = at + strlen(FOLDER))
        filled = pf_arena_printf(search->arena, "%s%.*s%s", filled, (int)(at - word), word, search->folder);
    return pf_arena_printf(search->arena, "%s%s", filled, word);
}

static int find_by_command(const struct search *search)
{
    const struct pf_manifest_variant *given = search->given;
    if (given->script || given->interpreter)
        return refuse(search, given->script ? "script" : "interpreter",
                      "expected either a command, or a script and its interpreter");
    if (given->command[0][0] == '\0')
        return refuse(search, "command", "expected a program and its arguments");
    /* A program of the scenario itself that is missing was not built: that is an error when it is run. */
    bool own = strncmp(given->command[0], FOLDER, strlen(FOLDER)) == 0;
    search->variant->program =
        own ? fill_in_folder(search, given->command[0]) : command_or_skip(search, given->command[0]);
    add_word(search, search->variant->program);
    for (unsigned i = 1; i < given->command_count; i++)
        add_word(search, fill_in_folder(search, given->command[i]));
    return 0;
}

static int find_by_script(const struct search *search)
{
    const char *script = path_of(search, search->given->script);
    if (!is_file(script, R_OK))
        return refuse(search, "script", "there is no such file beside the manifest");
    search->variant->program = script;
    if (search->given->interpreter)
        add_word(search, command_or_skip(search, search->given->interpreter));
    add_word(search, script);
    return 0;
}

static int find_by_name(const struct search *search)
{
    if (search->given->interpreter)
        return refuse(search, "interpreter", "an interpreter needs a script: expected \"script\" beside it");
    search->variant->program = path_of(search, search->variant->name);
    add_word(search, search->variant->program);
    return 0;
}

static int find_source(const struct search *search)
{
    const struct pf_manifest_variant *given = search->given;
    const char *source = NULL;
    if (given->source)
        source = path_of(search, given->source);
    else if (given->script)
        source = path_of(search, given->script);
    else
        source = pf_arena_printf(search->arena, "%s/%s.c", search->folder, search->variant->name);
    bool there = is_file(source, R_OK);
    if (given->source && !there)
        return refuse(search, "source", "there is no such file beside the manifest");
    search->variant->source = there ? source : NULL;
    return 0;
}

int pf_variant_find_program(const struct pf_scenario_reading *reading, size_t index)
{
    struct search search = {
        .reading = reading,
        .given = &reading->manifest->variants[index],
        .variant = &reading->scenario->variants[index],
        .arena = reading->scenario->arena,
        .folder = reading->scenario->directory,
        .index = index,
    };
    int result = search.given->command  ? find_by_command(&search)
                 : search.given->script ? find_by_script(&search)
                                        : find_by_name(&search);
    return result < 0 ? result : find_source(&search);
}
