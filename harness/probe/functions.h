/*
 * functions.h - where in a process a function begins: by the symbol tables of the files it has mapped.
 *
 * Static functions are found as long as a file has its .symtab, or a separate debug file (by build ID or
 * debug link, as libdw finds it) has one; functions that a shared object exports are always found. A function
 * that the compiler specialised (name.constprop.0, name.isra.0) goes by its own name too. What was inlined
 * everywhere is nowhere.
 */
#ifndef PF_PROBE_FUNCTIONS_H
#define PF_PROBE_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/arena.h"

/* The files that were looked at so far. */
struct pf_functions;

struct pf_functions *pf_functions_new(void);
/* Another trial begins: from now on, files may be others than they were. */
void pf_functions_next(struct pf_functions *functions);
void pf_functions_free(struct pf_functions *functions);

/* Notes what the process has mapped now; its main program comes first. Returns 0 or -errno. */
struct pf_image;
int pf_image_read(struct pf_functions *functions, pid_t pid, struct pf_arena *arena,
                  struct pf_image **ret_image);

struct pf_found {
    uint64_t *addresses; /* at which functions of the name begin */
    size_t count;
    bool settled;  /* what is mapped later adds nothing: it is the main program's */
    bool indirect; /* a file has a function of the name that the dynamic linker chooses from several */
};

/*
 * Looks for functions by name. module is a glob on the name of the file without its folder, or on its whole
 * path where it has a "/"; NULL: the main program, and when it has none of that name, every other file.
 */
struct pf_found pf_image_find(const struct pf_image *image, const char *module, const char *name,
                              struct pf_arena *arena);

/* How many files were looked at. */
size_t pf_functions_files(const struct pf_functions *functions);
/* Calls visit with the name of every function of every file. The names last as long as `functions`. */
void pf_functions_each(const struct pf_functions *functions, void (*visit)(void *context, const char *name),
                       void *context);

#endif
