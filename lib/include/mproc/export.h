/* How symbols leave the library: everything is hidden except what carries MPROC_EXPORT. */
#ifndef MPROC_EXPORT_H
#define MPROC_EXPORT_H

#define MPROC_EXPORT __attribute__((visibility("default")))

/* Lets the compiler check the arguments of a printf-like function. */
#define MPROC_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

#endif
