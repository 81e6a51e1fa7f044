#include "model/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024 };
/* Set in each byte of a number but the last; and so many there are at most. */
enum { MORE = 0x80, NUMBER_SIZE = 10 };

/* Where unpacking stands. */
struct source {
    const unsigned char *at, *end;
    struct pf_arena *arena;
};

static void add(struct pf_packed *packed, const void *bytes, size_t size)
{
    if (packed->room - packed->size < size) {
        size_t room = 2 * (packed->size + size) + ROOM;
        unsigned char *grown = realloc(packed->bytes, room);
        if (!grown)
            abort(); /* as everywhere when memory is out: see arena.h */
        packed->bytes = grown;
        packed->room = room;
    }
    if (size)
        memcpy(packed->bytes + packed->size, bytes, size);
    packed->size += size;
}

/* Seven bits a byte, the lowest first: most numbers are 0, and nearly all of them small. */
static void add_number(struct pf_packed *packed, uint64_t number)
{
    unsigned char bytes[NUMBER_SIZE];
    size_t size = 0;
    for (; number >= MORE; number >>= 7)
        bytes[size++] = (unsigned char)(number | MORE);
    bytes[size++] = (unsigned char)number;
    add(packed, bytes, size);
}

/* Its size and its bytes with the NUL; size 0 is NULL. */
static void add_text(struct pf_packed *packed, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    add_number(packed, size);
    add(packed, text, size);
}

static size_t size_of_element(const struct pf_field *field)
{
    return field->type == PF_FIELD_STRINGS ? sizeof(char *)
           : field->type == PF_FIELD_UINTS ? sizeof(uint64_t)
                                           : field->record->size;
}

static void add_array(const struct pf_field *field, const char *value, struct pf_packed *packed)
{
    size_t count;
    const char *elements;
    memcpy(&count, value + field->count_offset, sizeof(count));
    memcpy(&elements, value + field->offset, sizeof(elements));
    add_number(packed, count);
    for (size_t i = 0; i < count; i++) {
        const void *element = elements + i * size_of_element(field);
        if (field->type == PF_FIELD_STRINGS)
            add_text(packed, *(const char *const *)element);
        else if (field->type == PF_FIELD_UINTS)
            add_number(packed, *(const uint64_t *)element);
        else
            pf_pack(field->record, element, packed);
    }
}

static void add_field(const struct pf_field *field, const char *value, struct pf_packed *packed)
{
    const void *at = value + field->offset, *inner;
    switch (field->type) {
    case PF_FIELD_BOOL:
        add_number(packed, *(const bool *)at);
        break;
    case PF_FIELD_ENUM:
        add_number(packed, *(const unsigned *)at);
        break;
    case PF_FIELD_INT:
    case PF_FIELD_UINT:
        add_number(packed, *(const uint64_t *)at);
        break;
    case PF_FIELD_REAL:
        add(packed, at, sizeof(double));
        break;
    case PF_FIELD_STRING:
        add_text(packed, *(const char *const *)at);
        break;
    case PF_FIELD_RECORD:
        memcpy(&inner, at, sizeof(inner));
        add_number(packed, inner != NULL);
        if (inner)
            pf_pack(field->record, inner, packed);
        break;
    case PF_FIELD_INLINE:
        pf_pack(field->record, at, packed);
        break;
    default:
        add_array(field, value, packed);
    }
}

void pf_pack(const struct pf_record *record, const void *value, struct pf_packed *packed)
{
    for (size_t i = 0; i < record->count; i++)
        add_field(&record->fields[i], value, packed);
}

static int take(struct source *source, void *ret_bytes, size_t size)
{
    if ((size_t)(source->end - source->at) < size)
        return -EBADMSG;
    memcpy(ret_bytes, source->at, size);
    source->at += size;
    return 0;
}

static int take_number(struct source *source, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < NUMBER_SIZE && source->at < source->end; i++) {
        unsigned char byte = *source->at++;
        number |= (uint64_t)(byte & ~MORE) << 7 * i;
        if (byte < MORE) {
            *ret_number = number;
            return 0;
        }
    }
    return -EBADMSG;
}

static int take_text(struct source *source, const char **ret_text)
{
    uint64_t size;
    if (take_number(source, &size) < 0 || (size_t)(source->end - source->at) < size)
        return -EBADMSG;
    const char *text = (const char *)source->at;
    if (size && text[size - 1])
        return -EBADMSG;
    *ret_text = size ? text : NULL;
    source->at += size;
    return 0;
}

static int take_record(struct source *source, const struct pf_record *record, char *value);

static int take_array(struct source *source, const struct pf_field *field, char *value)
{
    uint64_t count;
    /* Each element takes a byte at least, so that a wrong count is seen before memory is asked for. */
    if (take_number(source, &count) < 0 || (size_t)(source->end - source->at) < count)
        return -EBADMSG;
    if (count == 0)
        return 0;
    size_t size = size_of_element(field);
    size_t room = (size_t)count + (field->type == PF_FIELD_STRINGS); /* as argv: NULL behind the last */
    char *elements = pf_arena_alloc(source->arena, size * room);
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        void *element = elements + i * size;
        r = field->type == PF_FIELD_STRINGS ? take_text(source, element)
            : field->type == PF_FIELD_UINTS ? take_number(source, element)
                                            : take_record(source, field->record, element);
    }
    memcpy(value + field->offset, &elements, sizeof(elements));
    memcpy(value + field->count_offset, &count, sizeof(count));
    return r;
}

static int take_field(struct source *source, const struct pf_field *field, char *value)
{
    void *at = value + field->offset;
    uint64_t number = 0;
    int r = 0;
    switch (field->type) {
    case PF_FIELD_BOOL:
        r = take_number(source, &number);
        *(bool *)at = number != 0;
        return r;
    case PF_FIELD_ENUM:
        r = take_number(source, &number);
        *(unsigned *)at = (unsigned)number;
        return r;
    case PF_FIELD_INT:
    case PF_FIELD_UINT:
        return take_number(source, at);
    case PF_FIELD_REAL:
        return take(source, at, sizeof(double));
    case PF_FIELD_STRING:
        return take_text(source, at);
    case PF_FIELD_RECORD: {
        r = take_number(source, &number);
        void *inner = number ? pf_arena_alloc(source->arena, field->record->size) : NULL;
        memcpy(at, &inner, sizeof(inner));
        return inner ? take_record(source, field->record, inner) : r;
    }
    case PF_FIELD_INLINE:
        return take_record(source, field->record, at);
    default:
        return take_array(source, field, value);
    }
}

static int take_record(struct source *source, const struct pf_record *record, char *value)
{
    memset(value, 0, record->size);
    int r = 0;
    for (size_t i = 0; i < record->count && r == 0; i++)
        r = take_field(source, &record->fields[i], value);
    return r;
}

int pf_unpack(const struct pf_record *record, const unsigned char **at, const unsigned char *end,
              struct pf_arena *arena, void *ret_value)
{
    struct source source = {.at = *at, .end = end, .arena = arena};
    int r = take_record(&source, record, ret_value);
    *at = source.at;
    return r;
}

void pf_record_copy(const struct pf_record *record, const void *value, struct pf_arena *arena, void *ret_copy)
{
    struct pf_packed packed = {0};
    pf_pack(record, value, &packed);
    unsigned char *bytes = pf_arena_alloc(arena, packed.size);
    if (packed.size)
        memcpy(bytes, packed.bytes, packed.size);
    free(packed.bytes);
    const unsigned char *at = bytes;
    if (pf_unpack(record, &at, bytes + packed.size, arena, ret_copy) < 0)
        abort(); /* what we have packed ourselves */
}
