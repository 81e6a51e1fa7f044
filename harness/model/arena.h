/*
 * arena.h - memory that is freed all at once.
 *
 * A trace, a plan and a result each own one arena; every string and array inside them lives there, so records
 * can point at each other freely and nothing is freed one by one. Running out of memory ends the program: the
 * harness has nothing useful left to do then, and its tree dies with it.
 */
#ifndef PF_MODEL_ARENA_H
#define PF_MODEL_ARENA_H

#include <stddef.h>

struct pf_arena;

struct pf_arena *pf_arena_new(void);
void pf_arena_free(struct pf_arena *arena);

/* Zeroed memory, aligned for any type. */
void *pf_arena_alloc(struct pf_arena *arena, size_t size);
char *pf_arena_strdup(struct pf_arena *arena, const char *text); /* NULL stays NULL */
char *pf_arena_strndup(struct pf_arena *arena, const char *text, size_t length);
char *pf_arena_printf(struct pf_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes room for one more element at the end of an array that lives in the arena and returns the zeroed
 * element. The array grows by doubling, so growing it one by one costs linear time.
 */
void *pf_arena_grow(struct pf_arena *arena, void *array_pointer, size_t *count, size_t element_size);
/* The same for several at once; returns the first of the new ones. */
void *pf_arena_extend(struct pf_arena *arena, void *array_pointer, size_t *count, size_t more,
                      size_t element_size);

#endif
