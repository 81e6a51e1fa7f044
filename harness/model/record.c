#include "model/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where reading stands, for messages: a list on the stack from the innermost key outwards. */
struct path {
    const struct path *outer;
    const char *name;
    size_t index;
    bool indexed;
};

const char *pf_names_get(const struct pf_names *names, int value)
{
    return value >= 0 && (size_t)value < names->count ? names->names[value] : "?";
}

int pf_names_find(const struct pf_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return (int)i;
    return -1;
}

static const void *member(const void *value, size_t offset)
{
    return (const char *)value + offset;
}

static size_t count_of(const struct pf_field *field, const void *value)
{
    size_t count;
    memcpy(&count, member(value, field->count_offset), sizeof(count));
    return count;
}

static const void *pointer_at(const struct pf_field *field, const void *value)
{
    const void *pointer;
    memcpy(&pointer, member(value, field->offset), sizeof(pointer));
    return pointer;
}

/* Text from other processes may be any bytes; JSON takes only UTF-8, so bytes that are not are read as
 * Latin-1. */
static json_t *text_to_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    size_t length = strlen(text);
    char wide[2 * length + 1];
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x80) {
            wide[n++] = (char)(0xC0 | byte >> 6);
            wide[n++] = (char)(0x80 | (byte & 0x3F));
        } else {
            wide[n++] = (char)byte;
        }
    }
    wide[n] = '\0';
    return json_string(wide);
}

static json_t *array_to_json(const struct pf_field *field, const void *value)
{
    size_t count = count_of(field, value);
    const char *elements = pointer_at(field, value);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (field->type == PF_FIELD_STRINGS)
            json_array_append_new(array, text_to_json(((const char *const *)(const void *)elements)[i]));
        else if (field->type == PF_FIELD_UINTS)
            json_array_append_new(array,
                                  json_integer((json_int_t)((const uint64_t *)(const void *)elements)[i]));
        else
            json_array_append_new(array,
                                  pf_record_to_json(field->record, elements + i * field->record->size));
    }
    return array;
}

/* The JSON of one field, or NULL when it is at its zero value and may be left out. */
static json_t *field_to_json(const struct pf_field *field, const void *value)
{
    const void *at = member(value, field->offset);
    bool always = field->always;
    switch (field->type) {
    case PF_FIELD_BOOL:
        return *(const bool *)at || always ? json_boolean(*(const bool *)at) : NULL;
    case PF_FIELD_INT:
        return *(const int64_t *)at || always ? json_integer(*(const int64_t *)at) : NULL;
    case PF_FIELD_UINT:
        return *(const uint64_t *)at || always ? json_integer((json_int_t) * (const uint64_t *)at) : NULL;
    case PF_FIELD_REAL:
        return *(const double *)at != 0 || always ? json_real(*(const double *)at) : NULL;
    case PF_FIELD_ENUM:
        return *(const int *)at || always ? json_string(pf_names_get(field->names, *(const int *)at)) : NULL;
    case PF_FIELD_STRING:
        if (pointer_at(field, value))
            return text_to_json(pointer_at(field, value));
        return always ? json_null() : NULL;
    case PF_FIELD_RECORD:
        if (pointer_at(field, value))
            return pf_record_to_json(field->record, pointer_at(field, value));
        return always ? json_null() : NULL;
    case PF_FIELD_INLINE:
        return pf_record_to_json(field->record, at);
    default:
        return count_of(field, value) || always ? array_to_json(field, value) : NULL;
    }
}

void pf_record_write(const struct pf_record *record, const void *value, json_t *object)
{
    for (size_t i = 0; i < record->count; i++) {
        json_t *json = field_to_json(&record->fields[i], value);
        if (json)
            json_object_set_new(object, record->fields[i].name, json);
    }
}

json_t *pf_record_to_json(const struct pf_record *record, const void *value)
{
    json_t *object = json_object();
    pf_record_write(record, value, object);
    return object;
}

static void path_print(const struct path *path, char *text, size_t size)
{
    if (!path) {
        text[0] = '\0';
        return;
    }
    path_print(path->outer, text, size);
    size_t length = strlen(text);
    if (path->indexed)
        snprintf(text + length, size - length, "[%zu]", path->index);
    else
        snprintf(text + length, size - length, "%s%s", length ? "." : "", path->name);
}

static int wrong(const struct path *path, const char *expected, struct pf_error *error)
{
    char text[256];
    path_print(path, text, sizeof(text));
    return pf_error_set(error, -EINVAL, "\"%s\" must be %s", text, expected);
}

static int read_at(const struct pf_record *record, json_t *object, struct pf_arena *arena, void *ret_value,
                   const struct path *path, struct pf_error *error);

static int read_element(const struct pf_field *field, json_t *json, struct pf_arena *arena, char *element,
                        const struct path *path, struct pf_error *error)
{
    if (field->type == PF_FIELD_STRINGS) {
        if (!json_is_string(json))
            return wrong(path, "a string", error);
        *(const char **)(void *)element = pf_arena_strdup(arena, json_string_value(json));
        return 0;
    }
    if (field->type == PF_FIELD_UINTS) {
        if (!json_is_integer(json))
            return wrong(path, "a whole number", error);
        *(uint64_t *)(void *)element = (uint64_t)json_integer_value(json);
        return 0;
    }
    return read_at(field->record, json, arena, element, path, error);
}

static int read_array(const struct pf_field *field, json_t *json, struct pf_arena *arena, void *value,
                      const struct path *path, struct pf_error *error)
{
    if (!json_is_array(json))
        return wrong(path, "an array", error);
    size_t size = field->type == PF_FIELD_STRINGS ? sizeof(char *)
                  : field->type == PF_FIELD_UINTS ? sizeof(uint64_t)
                                                  : field->record->size;
    size_t count = json_array_size(json);
    char *elements = pf_arena_alloc(arena, size * (count + 1));
    for (size_t i = 0; i < count; i++) {
        struct path inner = {.outer = path, .index = i, .indexed = true};
        int r = read_element(field, json_array_get(json, i), arena, elements + i * size, &inner, error);
        if (r < 0)
            return r;
    }
    memcpy((char *)value + field->offset, &elements, sizeof(elements));
    memcpy((char *)value + field->count_offset, &count, sizeof(count));
    return 0;
}

static int read_enum(const struct pf_field *field, json_t *json, int *ret_value, const struct path *path,
                     struct pf_error *error)
{
    int value = json_is_string(json) ? pf_names_find(field->names, json_string_value(json)) : -1;
    if (value < 0)
        return wrong(path, "one of the names this version knows", error);
    *ret_value = value;
    return 0;
}

static int read_field(const struct pf_field *field, json_t *json, struct pf_arena *arena, void *value,
                      const struct path *path, struct pf_error *error)
{
    void *at = (char *)value + field->offset;
    switch (field->type) {
    case PF_FIELD_BOOL:
        if (!json_is_boolean(json))
            return wrong(path, "true or false", error);
        *(bool *)at = json_is_true(json);
        return 0;
    case PF_FIELD_INT:
    case PF_FIELD_UINT:
        if (!json_is_integer(json))
            return wrong(path, "a whole number", error);
        *(int64_t *)at = json_integer_value(json);
        return 0;
    case PF_FIELD_REAL:
        if (!json_is_number(json))
            return wrong(path, "a number", error);
        *(double *)at = json_number_value(json);
        return 0;
    case PF_FIELD_ENUM:
        return read_enum(field, json, at, path, error);
    case PF_FIELD_STRING:
        if (!json_is_string(json))
            return wrong(path, "a string", error);
        *(const char **)at = pf_arena_strdup(arena, json_string_value(json));
        return 0;
    case PF_FIELD_RECORD: {
        void *inner = pf_arena_alloc(arena, field->record->size);
        *(void **)at = inner;
        return read_at(field->record, json, arena, inner, path, error);
    }
    case PF_FIELD_INLINE:
        return read_at(field->record, json, arena, at, path, error);
    default:
        return read_array(field, json, arena, value, path, error);
    }
}

static int read_at(const struct pf_record *record, json_t *object, struct pf_arena *arena, void *ret_value,
                   const struct path *path, struct pf_error *error)
{
    if (!json_is_object(object))
        return path ? wrong(path, "an object", error)
                    : pf_error_set(error, -EINVAL, "expected a JSON object");
    memset(ret_value, 0, record->size);
    for (size_t i = 0; i < record->count; i++) {
        const struct pf_field *field = &record->fields[i];
        struct path inner = {.outer = path, .name = field->name};
        json_t *json = json_object_get(object, field->name);
        bool nullable =
            (field->type == PF_FIELD_STRING || field->type == PF_FIELD_RECORD) && !field->never_null;
        if (!json || (json_is_null(json) && nullable)) {
            if (!json && field->always)
                return wrong(&inner, "present", error);
            continue;
        }
        int r = read_field(field, json, arena, ret_value, &inner, error);
        if (r < 0)
            return r;
    }
    return 0;
}

int pf_record_read(const struct pf_record *record, json_t *object, struct pf_arena *arena, void *ret_value,
                   struct pf_error *error)
{
    return read_at(record, object, arena, ret_value, NULL, error);
}
