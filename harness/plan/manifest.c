/*
 * One schema does both: libcyaml binds the file to structs by it, and the walk before that checks the shape
 * by it. libcyaml checks as well, but knows the line of the last good value only, not of the mistake.
 */
#include "plan/manifest.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "model/nearest.h"

#define TEXT(type, member)                                                                                   \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0,               \
                           CYAML_UNLIMITED)
#define REQUIRED_TEXT(type, member)                                                                          \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, type, member, 1, CYAML_UNLIMITED)
#define LIST(type, member, entry, least)                                                                     \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, &(entry), least,   \
                         CYAML_UNLIMITED)

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t expect_fields[] = {
    TEXT(struct pf_manifest_expect, finding), TEXT(struct pf_manifest_expect, diagnosis),
    TEXT(struct pf_manifest_expect, output),  TEXT(struct pf_manifest_expect, prints),
    TEXT(struct pf_manifest_expect, exit),    CYAML_FIELD_END,
};

static const cyaml_schema_field_t mark_fields[] = {
    REQUIRED_TEXT(struct pf_manifest_mark, text),
    TEXT(struct pf_manifest_mark, note),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t mark_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct pf_manifest_mark, mark_fields),
};

static const cyaml_schema_field_t variant_fields[] = {
    REQUIRED_TEXT(struct pf_manifest_variant, name),
    TEXT(struct pf_manifest_variant, script),
    TEXT(struct pf_manifest_variant, interpreter),
    TEXT(struct pf_manifest_variant, source),
    LIST(struct pf_manifest_variant, command, text_entry, 1),
    LIST(struct pf_manifest_variant, marks, mark_entry, 1),
    CYAML_FIELD_MAPPING("expect", CYAML_FLAG_OPTIONAL, struct pf_manifest_variant, expect, expect_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t variant_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct pf_manifest_variant, variant_fields),
};

static const cyaml_schema_field_t source_fields[] = {
    REQUIRED_TEXT(struct pf_manifest_source, title),
    TEXT(struct pf_manifest_source, where),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t source_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct pf_manifest_source, source_fields),
};

static const cyaml_schema_field_t question_fields[] = {
    REQUIRED_TEXT(struct pf_manifest_question, question),
    REQUIRED_TEXT(struct pf_manifest_question, answer),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t question_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct pf_manifest_question, question_fields),
};

static const cyaml_schema_field_t change_fields[] = {
    REQUIRED_TEXT(struct pf_manifest_change, change),
    TEXT(struct pf_manifest_change, file),
    TEXT(struct pf_manifest_change, include),
    REQUIRED_TEXT(struct pf_manifest_change, replace),
    TEXT(struct pf_manifest_change, by),
    REQUIRED_TEXT(struct pf_manifest_change, see),
    TEXT(struct pf_manifest_change, finding),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t change_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct pf_manifest_change, change_fields),
};

static const cyaml_schema_field_t lesson_fields[] = {
    REQUIRED_TEXT(struct pf_manifest_lesson, sentence),
    LIST(struct pf_manifest_lesson, ask, question_entry, 0),
    LIST(struct pf_manifest_lesson, try, change_entry, 0),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t manifest_fields[] = {
    REQUIRED_TEXT(struct pf_manifest, id),
    TEXT(struct pf_manifest, order),
    REQUIRED_TEXT(struct pf_manifest, title),
    TEXT(struct pf_manifest, story),
    TEXT(struct pf_manifest, why),
    TEXT(struct pf_manifest, recognise),
    TEXT(struct pf_manifest, avoid),
    TEXT(struct pf_manifest, seed),
    LIST(struct pf_manifest, sources, source_entry, 0),
    LIST(struct pf_manifest, tags, text_entry, 0),
    CYAML_FIELD_IGNORE("limits", CYAML_FLAG_OPTIONAL),
    LIST(struct pf_manifest, faults, text_entry, 0),
    TEXT(struct pf_manifest, deadline),
    TEXT(struct pf_manifest, isolate),
    TEXT(struct pf_manifest, namespaces),
    CYAML_FIELD_MAPPING("lesson", CYAML_FLAG_OPTIONAL, struct pf_manifest, lesson, lesson_fields),
    CYAML_FIELD_SEQUENCE("variants", CYAML_FLAG_POINTER, struct pf_manifest, variants, &variant_entry, 1,
                         CYAML_UNLIMITED),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t manifest_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct pf_manifest, manifest_fields),
};

struct check {
    struct pf_yaml *yaml;
    struct pf_error *error;
};

static int check_value(const struct check *check, const cyaml_schema_value_t *schema, const char *name,
                       const yaml_node_t *node);

static bool is_named(const yaml_node_t *key, const char *name)
{
    return key->data.scalar.length == strlen(name) &&
           memcmp(key->data.scalar.value, name, key->data.scalar.length) == 0;
}

static int refuse_key(const struct check *check, const cyaml_schema_field_t *fields, const yaml_node_t *key)
{
    const char *name = (const char *)key->data.scalar.value;
    struct pf_nearest nearest = pf_nearest_new(name, key->data.scalar.length);
    char keys[256] = "";
    for (; fields->key; fields++) {
        pf_nearest_offer(&nearest, fields->key);
        size_t length = strlen(keys);
        snprintf(keys + length, sizeof(keys) - length, "%s%s", length ? ", " : "", fields->key);
    }
    if (nearest.best)
        return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(key),
                                   "unknown key \"%.60s\", did you mean \"%s\"? (known here: %s)", name,
                                   nearest.best, keys);
    return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(key),
                               "unknown key \"%.60s\", expected one of %s", name, keys);
}

static int check_key(const struct check *check, const cyaml_schema_field_t *fields,
                     const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = pf_yaml_node(check->yaml, pair->key);
    if (key->type != YAML_SCALAR_NODE)
        return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(key),
                                   "expected the name of a key here");
    const cyaml_schema_field_t *field = fields;
    while (field->key && !is_named(key, field->key))
        field++;
    if (!field->key)
        return refuse_key(check, fields, key);
    for (const yaml_node_pair_t *earlier = mapping->data.mapping.pairs.start; earlier < pair; earlier++)
        if (is_named(pf_yaml_node(check->yaml, earlier->key), field->key))
            return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(key),
                                       "\"%s\" is given twice", field->key);
    return check_value(check, &field->value, field->key, pf_yaml_node(check->yaml, pair->value));
}

static int check_mapping(const struct check *check, const cyaml_schema_field_t *fields, const char *name,
                         const yaml_node_t *node)
{
    const yaml_node_pair_t *start = node->data.mapping.pairs.start, *end = node->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = start; pair < end; pair++) {
        int result = check_key(check, fields, node, pair);
        if (result < 0)
            return result;
    }
    for (const cyaml_schema_field_t *field = fields; field->key; field++) {
        const yaml_node_pair_t *pair = start;
        while (pair < end && !is_named(pf_yaml_node(check->yaml, pair->key), field->key))
            pair++;
        if (pair == end && !(field->value.flags & CYAML_FLAG_OPTIONAL))
            return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(node),
                                       "\"%s\" is missing in %s", field->key, name);
    }
    return 0;
}

static int check_sequence(const struct check *check, const cyaml_schema_value_t *schema, const char *name,
                          const yaml_node_t *node)
{
    const yaml_node_item_t *start = node->data.sequence.items.start, *end = node->data.sequence.items.top;
    if ((size_t)(end - start) < schema->sequence.min)
        return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(node),
                                   "\"%s\" is empty, expected at least one entry", name);
    for (const yaml_node_item_t *item = start; item < end; item++) {
        char entry[64];
        snprintf(entry, sizeof(entry), "%s[%zu]", name, (size_t)(item - start));
        int result = check_value(check, schema->sequence.entry, entry, pf_yaml_node(check->yaml, *item));
        if (result < 0)
            return result;
    }
    return 0;
}

static int check_value(const struct check *check, const cyaml_schema_value_t *schema, const char *name,
                       const yaml_node_t *node)
{
    static const struct {
        yaml_node_type_t node;
        const char *words;
    } kinds[CYAML__TYPE_COUNT] = {
        [CYAML_STRING] = {YAML_SCALAR_NODE, "a text"},
        [CYAML_MAPPING] = {YAML_MAPPING_NODE, "keys with values"},
        [CYAML_SEQUENCE] = {YAML_SEQUENCE_NODE, "a list"},
    };
    if (schema->type == CYAML_IGNORE)
        return 0;
    if (node->type != kinds[schema->type].node)
        return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(node), "expected %s for %s",
                                   kinds[schema->type].words, name);
    if (schema->type == CYAML_MAPPING)
        return check_mapping(check, schema->mapping.fields, name, node);
    if (schema->type == CYAML_SEQUENCE)
        return check_sequence(check, schema, name, node);
    if (node->data.scalar.length < schema->string.min)
        return pf_yaml_refuse_line(check->yaml, check->error, pf_yaml_node_line(node), "\"%s\" is empty",
                                   name);
    return 0;
}

/* libcyaml's first complaint, should it have one that the walk did not foresee, and the line that it names.
 */
struct complaint {
    char message[256];
    size_t line;
};

static void __attribute__((format(printf, 3, 0)))
keep_complaint(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct complaint *complaint = context;
    char text[256], *line;
    (void)level;
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    if (!complaint->message[0])
        strcpy(complaint->message, text);
    else if (complaint->line == 1 && (line = strstr(text, "(line: ")))
        sscanf(line, "(line: %zu", &complaint->line);
}

static cyaml_config_t config(struct complaint *complaint)
{
    return (cyaml_config_t){
        .log_fn = keep_complaint, .log_ctx = complaint, .log_level = CYAML_LOG_ERROR, .mem_fn = cyaml_mem};
}

int pf_manifest_load(struct pf_yaml *yaml, struct pf_manifest **ret_manifest, struct pf_error *error)
{
    struct check check = {.yaml = yaml, .error = error};
    int result = check_value(&check, &manifest_schema, "the manifest", pf_yaml_root(yaml));
    if (result < 0)
        return result;
    struct complaint complaint = {.line = 1};
    cyaml_config_t cyaml = config(&complaint);
    cyaml_data_t *data = NULL;
    cyaml_err_t failure =
        cyaml_load_data((const uint8_t *)yaml->text, yaml->length, &cyaml, &manifest_schema, &data, NULL);
    if (failure != CYAML_OK)
        return pf_yaml_refuse_line(yaml, error, complaint.line, "%s (%s)", cyaml_strerror(failure),
                                   complaint.message);
    *ret_manifest = data;
    return 0;
}

void pf_manifest_free(struct pf_manifest *manifest)
{
    struct complaint complaint = {0};
    cyaml_config_t cyaml = config(&complaint);
    cyaml_free(&cyaml, &manifest_schema, manifest, 0);
}
