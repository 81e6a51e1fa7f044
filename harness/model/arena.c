#include "model/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 16 * 1024, FIRST_ELEMENTS = 4 };

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    max_align_t data[];
};

struct pf_arena {
    struct chunk *chunks;
};

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

struct pf_arena *pf_arena_new(void)
{
    return must(calloc(1, sizeof(struct pf_arena)));
}

void pf_arena_free(struct pf_arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

void *pf_arena_alloc(struct pf_arena *arena, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        /* Zeroed by the kernel where it is large: what is never used of it then takes no memory. */
        chunk = must(calloc(1, sizeof(*chunk) + room));
        chunk->next = arena->chunks;
        chunk->size = room;
        arena->chunks = chunk;
    }
    void *memory = (char *)chunk->data + chunk->used;
    chunk->used += size;
    return memory;
}

char *pf_arena_strndup(struct pf_arena *arena, const char *text, size_t length)
{
    char *copy = pf_arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *pf_arena_strdup(struct pf_arena *arena, const char *text)
{
    return text ? pf_arena_strndup(arena, text, strlen(text)) : NULL;
}

char *pf_arena_printf(struct pf_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        abort();
    char *text = pf_arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void *pf_arena_grow(struct pf_arena *arena, void *array_pointer, size_t *count, size_t element_size)
{
    void *array;
    memcpy(&array, array_pointer, sizeof(array));
    size_t n = *count;
    /* Full whenever the count is a power of two (or nothing was allocated yet): no capacity needs to be
     * stored. */
    if (n == 0 || (n >= FIRST_ELEMENTS && (n & (n - 1)) == 0)) {
        void *larger = pf_arena_alloc(arena, element_size * (n ? 2 * n : FIRST_ELEMENTS));
        if (n)
            memcpy(larger, array, n * element_size);
        array = larger;
        memcpy(array_pointer, &array, sizeof(array));
    }
    *count = n + 1;
    return memset((char *)array + n * element_size, 0, element_size);
}

void *pf_arena_extend(struct pf_arena *arena, void *array_pointer, size_t *count, size_t more,
                      size_t element_size)
{
    size_t n = *count, room = FIRST_ELEMENTS;
    void *array;
    memcpy(&array, array_pointer, sizeof(array));
    while (room < n + more) /* a power of two, which growing relies on */
        room *= 2;
    char *larger = pf_arena_alloc(arena, element_size * room);
    if (n)
        memcpy(larger, array, n * element_size);
    memcpy(array_pointer, &larger, sizeof(larger));
    *count = n + more;
    return larger + n * element_size;
}
