/*
 * record.h - one table per struct says how it is written as JSON and read back.
 *
 * Every plain type of the model (events, snapshots, results) has a `struct pf_record`: its fields by JSON
 * name, type and offset. Writing and reading both follow the table, so they cannot drift apart. Values that
 * are zero, false, NULL or empty are left out unless the field is PF_ALWAYS; reading puts the zero back.
 * Unknown keys are ignored, so that a newer minor writer can be read; a key of the wrong type is an error
 * that names its path.
 */
#ifndef PF_MODEL_RECORD_H
#define PF_MODEL_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/arena.h"
#include "model/error.h"

enum pf_field_type {
    PF_FIELD_BOOL,    /* bool */
    PF_FIELD_INT,     /* int64_t */
    PF_FIELD_UINT,    /* uint64_t */
    PF_FIELD_REAL,    /* double */
    PF_FIELD_ENUM,    /* int-sized enum, written by name */
    PF_FIELD_STRING,  /* const char *, NULL when absent */
    PF_FIELD_STRINGS, /* const char ** and a size_t count */
    PF_FIELD_UINTS,   /* uint64_t * and a size_t count */
    PF_FIELD_RECORD,  /* struct *, NULL when absent */
    PF_FIELD_INLINE,  /* struct embedded in the outer struct, written as an object */
    PF_FIELD_RECORDS, /* struct * and a size_t count */
    PF_FIELD__COUNT,
};

/* Names of an enum's values, indexed by value. */
struct pf_names {
    const char *const *names;
    size_t count;
};

struct pf_record;

struct pf_field {
    const char *name;
    enum pf_field_type type;
    bool always;     /* written even when zero (null for an absent string or record); required when read */
    bool never_null; /* a string that is always there: null is an error */
    size_t offset;
    size_t count_offset;
    const struct pf_record *record;
    const struct pf_names *names;
};

struct pf_record {
    size_t size;
    const struct pf_field *fields;
    size_t count;
};

#define PF_ALWAYS .always = true
#define PF_NEEDED .always = true, .never_null = true
#define PF_VALUE(struct_type, TYPE, member, ...)                                                             \
    {                                                                                                        \
        .name = #member, .type = PF_FIELD_##TYPE, .offset = offsetof(struct_type, member), __VA_ARGS__       \
    }
#define PF_NAMED(struct_type, TYPE, json_name, member, ...)                                                  \
    {                                                                                                        \
        .name = (json_name), .type = PF_FIELD_##TYPE, .offset = offsetof(struct_type, member), __VA_ARGS__   \
    }
#define PF_ENUM(struct_type, member, names_table, ...)                                                       \
    {                                                                                                        \
        .name = #member, .type = PF_FIELD_ENUM, .offset = offsetof(struct_type, member),                     \
        .names = &(names_table), __VA_ARGS__                                                                 \
    }
#define PF_ARRAY(struct_type, TYPE, member, count_member, ...)                                               \
    {                                                                                                        \
        .name = #member, .type = PF_FIELD_##TYPE, .offset = offsetof(struct_type, member),                   \
        .count_offset = offsetof(struct_type, count_member), __VA_ARGS__                                     \
    }
#define PF_RECORD(struct_type, fields_array)                                                                 \
    {                                                                                                        \
        .size = sizeof(struct_type), .fields = (fields_array),                                               \
        .count = sizeof(fields_array) / sizeof((fields_array)[0])                                            \
    }
#define PF_NAMES(array)                                                                                      \
    {                                                                                                        \
        .names = (array), .count = sizeof(array) / sizeof((array)[0])                                        \
    }

/* The name of a value, or "?" when out of range. */
const char *pf_names_get(const struct pf_names *names, int value);
/* The value of a name, or -1. */
int pf_names_find(const struct pf_names *names, const char *name);

/* Adds the record's fields to an existing JSON object. */
void pf_record_write(const struct pf_record *record, const void *value, json_t *object);
json_t *pf_record_to_json(const struct pf_record *record, const void *value);

/*
 * Reads an object into value (zeroed first); strings and arrays are copied into the arena.
 * Returns 0, or -EINVAL with a message that names the path of the offending key ("threads[3].wait.kind").
 */
int pf_record_read(const struct pf_record *record, json_t *object, struct pf_arena *arena, void *ret_value,
                   struct pf_error *error);

#endif
