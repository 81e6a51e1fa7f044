/* The programs of a scenario: what each is expected to show. */
#include <stdio.h>
#include <string.h>

#include "model/nearest.h"
#include "model/result.h"
#include "plan/cursor.h"
#include "plan/plan.h"
#include "plan/scenario.h"

enum { STATUS_LIMIT = 255, WHERE_SIZE = 64 };

/* One variant, and where it stands in the file. */
struct place {
    const struct pf_scenario_reading *reading;
    size_t index;
};

static const char *where_in(const struct place *place, const char *key, char buffer[WHERE_SIZE])
{
    snprintf(buffer, WHERE_SIZE, "variants[%zu].%s", place->index, key);
    return buffer;
}

static int refuse_kind(const struct place *place, struct pf_word kind)
{
    struct pf_nearest nearest = pf_nearest_new(kind.start, kind.length);
    char where[WHERE_SIZE], kinds[512] = "", quoted[PF_QUOTE_SIZE];
    for (size_t i = 0; i < pf_finding_kind_names.count; i++) {
        pf_nearest_offer(&nearest, pf_finding_kind_names.names[i]);
        size_t length = strlen(kinds);
        snprintf(kinds + length, sizeof(kinds) - length, "%s%s", length ? ", " : "",
                 pf_finding_kind_names.names[i]);
    }
    where_in(place, "expect.finding", where);
    pf_word_quote(kind, quoted);
    if (nearest.best)
        return pf_yaml_refuse(place->reading->yaml, place->reading->error, where,
                              "unknown kind of finding \"%s\", did you mean \"%s\"? (kinds: %s)", quoted,
                              nearest.best, kinds);
    return pf_yaml_refuse(place->reading->yaml, place->reading->error, where,
                          "unknown kind of finding \"%s\", expected one of %s", quoted, kinds);
}

/* "limit, lost" as "limit,lost". */
static int read_finding(const struct place *place, const char *text, const char **ret_finding)
{
    struct pf_arena *arena = place->reading->scenario->arena;
    struct pf_cursor cursor = pf_cursor_new("finding", text, arena, NULL);
    const char *finding = NULL;
    do {
        cursor.at += strspn(cursor.at, " ");
        struct pf_word word = pf_cursor_word(&cursor, ",");
        while (word.length > 0 && word.start[word.length - 1] == ' ')
            word.length--;
        const char *kind = pf_arena_strndup(arena, word.start, word.length);
        if (pf_names_find(&pf_finding_kind_names, kind) < 0)
            return refuse_kind(place, word);
        finding = finding ? pf_arena_printf(arena, "%s,%s", finding, kind) : kind;
    } while (pf_cursor_take(&cursor, ','));
    *ret_finding = finding;
    return 0;
}

static bool is_status(const char *text)
{
    uint64_t status;
    struct pf_word word = {.start = text, .length = strlen(text)};
    return strcmp(text, "any") == 0 || (pf_word_number(word, &status) && status <= STATUS_LIMIT);
}

static int read_expect(const struct place *place, const struct pf_manifest_expect *given,
                       struct pf_expect *expect)
{
    const struct pf_scenario_reading *reading = place->reading;
    struct pf_arena *arena = reading->scenario->arena;
    char where[WHERE_SIZE];
    if (given->finding) {
        int result = read_finding(place, given->finding, &expect->finding);
        if (result < 0)
            return result;
    }
    if (given->diagnosis && !given->finding)
        return pf_yaml_refuse(reading->yaml, reading->error, where_in(place, "expect.diagnosis", where),
                              "a diagnosis explains a finding: expected \"finding\" beside it");
    if (given->diagnosis && !pf_scenario_is_id(given->diagnosis))
        return pf_yaml_refuse(reading->yaml, reading->error, where_in(place, "expect.diagnosis", where),
                              "expected the id of a pitfall, not \"%.60s\"", given->diagnosis);
    if (given->exit && !is_status(given->exit))
        return pf_yaml_refuse(reading->yaml, reading->error, where_in(place, "expect.exit", where),
                              "expected an exit status from 0 to %d, or any, not \"%.60s\"", STATUS_LIMIT,
                              given->exit);
    if (given->prints) {
        struct pf_error error = {""};
        const char *path = pf_arena_printf(arena, "%s/%s", reading->scenario->directory, given->prints);
        if (pf_content_read(path, arena, &expect->printed, &error) < 0)
            return pf_yaml_refuse(reading->yaml, reading->error, where_in(place, "expect.prints", where),
                                  "%s", error.message);
    }
    expect->diagnosis = pf_arena_strdup(arena, given->diagnosis);
    expect->output = pf_arena_strdup(arena, given->output);
    expect->exit = pf_arena_strdup(arena, given->exit);
    return 0;
}

static int read_name(const struct place *place, const char *name, struct pf_variant *variant)
{
    const struct pf_scenario *scenario = place->reading->scenario;
    char where[WHERE_SIZE];
    where_in(place, "name", where);
    if (name[0] == '.' ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")])
        return pf_yaml_refuse(place->reading->yaml, place->reading->error, where,
                              "expected a name of letters, digits, \"-\", \"_\" and \".\", not \"%.60s\"",
                              name);
    for (size_t i = 0; i < place->index; i++)
        if (strcmp(scenario->variants[i].name, name) == 0)
            return pf_yaml_refuse(place->reading->yaml, place->reading->error, where,
                                  "a second variant is called \"%.60s\"", name);
    variant->name = pf_arena_strdup(scenario->arena, name);
    return 0;
}

int pf_scenario_read_variants(const struct pf_scenario_reading *reading)
{
    struct pf_scenario *scenario = reading->scenario;
    for (unsigned i = 0; i < reading->manifest->variants_count; i++) {
        const struct pf_manifest_variant *given = &reading->manifest->variants[i];
        struct pf_variant *variant =
            pf_arena_grow(scenario->arena, &scenario->variants, &scenario->variant_count, sizeof(*variant));
        struct place place = {.reading = reading, .index = i};
        int result = read_name(&place, given->name, variant);
        if (result == 0)
            result = read_expect(&place, &given->expect, &variant->expect);
        if (result == 0)
            result = pf_variant_find_program(reading, i);
        if (result == 0)
            result = pf_variant_read_marks(reading, i);
        if (result < 0)
            return result;
    }
    return 0;
}
