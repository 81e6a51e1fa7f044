/*
 * manifest.h - pitfall.yaml as it is written: texts and lists, known to have the right shape and nothing
 * more.
 *
 * What the texts mean is for scenario.c to say.
 */
#ifndef PF_PLAN_MANIFEST_H
#define PF_PLAN_MANIFEST_H

#include "plan/yaml.h"

struct pf_manifest_expect {
    char *finding, *diagnosis, *output, *prints, *exit;
};

struct pf_manifest_mark {
    char *text, *note;
};

struct pf_manifest_variant {
    char *name, *script, *interpreter, *source;
    char **command;
    unsigned command_count;
    struct pf_manifest_mark *marks;
    unsigned marks_count;
    struct pf_manifest_expect expect;
};

struct pf_manifest_source {
    char *title, *where;
};

struct pf_manifest_question {
    char *question, *answer;
};

struct pf_manifest_change {
    char *change, *file, *include, *replace, *by, *see, *finding;
};

struct pf_manifest_lesson {
    char *sentence;
    struct pf_manifest_question *ask;
    unsigned ask_count;
    struct pf_manifest_change *try;
    unsigned try_count;
};

/* Keys that are not given are NULL and 0. The limits are read from the document: their names are no keys. */
struct pf_manifest {
    char *id, *order, *title, *story, *why, *recognise, *avoid, *seed, *deadline, *isolate, *namespaces;
    struct pf_manifest_source *sources;
    unsigned sources_count;
    char **tags;
    unsigned tags_count;
    char **faults;
    unsigned faults_count;
    struct pf_manifest_lesson lesson;
    struct pf_manifest_variant *variants;
    unsigned variants_count;
};

/* Errors: -EINVAL: a key that is unknown, missing or given twice, or a value of the wrong kind. */
int pf_manifest_load(struct pf_yaml *yaml, struct pf_manifest **ret_manifest, struct pf_error *error);
void pf_manifest_free(struct pf_manifest *manifest);

#endif
