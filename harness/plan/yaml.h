/*
 * yaml.h - a YAML file in memory, and on which line of it a value stands.
 *
 * libcyaml binds a file to C structs but forgets where each value came from; a message that says "line 12"
 * needs libyaml's own view of the document beside it.
 */
#ifndef PF_PLAN_YAML_H
#define PF_PLAN_YAML_H

#include <yaml.h>

#include "model/error.h"

struct pf_yaml {
    char *path;
    char *text;
    size_t length;
    yaml_document_t document;
};

/*
 * Errors: -ENOENT and others of open(2) and read(2), -EFBIG, and -EINVAL for what is not one YAML document.
 */
int pf_yaml_open(const char *path, struct pf_yaml **ret_yaml, struct pf_error *error);
void pf_yaml_close(struct pf_yaml *yaml);

/* The first node; never NULL. */
const yaml_node_t *pf_yaml_root(struct pf_yaml *yaml);
const yaml_node_t *pf_yaml_node(struct pf_yaml *yaml, int index);
/* The line, from 1, on which a node begins. */
size_t pf_yaml_node_line(const yaml_node_t *node);
/* The node at "variants[1].expect", or the nearest around it that exists. */
const yaml_node_t *pf_yaml_find(struct pf_yaml *yaml, const char *where);

/* Writes "FILE:LINE: …" and returns -EINVAL; `where` is as for pf_yaml_find. */
int pf_yaml_refuse(struct pf_yaml *yaml, struct pf_error *error, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int pf_yaml_refuse_line(const struct pf_yaml *yaml, struct pf_error *error, size_t line, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

#endif
