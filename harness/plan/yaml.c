#include "plan/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20 };

static int read_whole(FILE *file, struct pf_yaml *yaml, struct pf_error *error)
{
    yaml->text = calloc(1, FILE_LIMIT + 1);
    if (!yaml->text)
        return pf_error_set(error, -ENOMEM, "%s: %s", yaml->path, strerror(ENOMEM));
    yaml->length = fread(yaml->text, 1, FILE_LIMIT + 1, file);
    if (ferror(file)) {
        int code = errno;
        return pf_error_set(error, -code, "%s: %s", yaml->path, strerror(code));
    }
    if (yaml->length > FILE_LIMIT)
        return pf_error_set(error, -EFBIG, "%s: larger than 1 MiB, this cannot be a manifest", yaml->path);
    return 0;
}

static size_t line_of_offset(const struct pf_yaml *yaml, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < yaml->length; i++)
        line += yaml->text[i] == '\n';
    return line;
}

static int refuse_syntax(const struct pf_yaml *yaml, const yaml_parser_t *parser, struct pf_error *error)
{
    /* The reader works before there are marks; it knows the byte only. */
    size_t line = parser->error == YAML_READER_ERROR ? line_of_offset(yaml, parser->problem_offset)
                                                     : parser->problem_mark.line + 1;
    return pf_yaml_refuse_line(yaml, error, line, "malformed YAML: %s%s%s",
                               parser->problem ? parser->problem : "out of memory",
                               parser->context ? " " : "", parser->context ? parser->context : "");
}

/* Exactly one document: a second one would silently mean nothing. */
static int load_document(struct pf_yaml *yaml, struct pf_error *error)
{
    yaml_parser_t parser;
    yaml_document_t second;
    int result = 0;
    if (!yaml_parser_initialize(&parser))
        return pf_error_set(error, -ENOMEM, "%s: %s", yaml->path, strerror(ENOMEM));
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml->text, yaml->length);
    if (!yaml_parser_load(&parser, &yaml->document)) {
        result = refuse_syntax(yaml, &parser, error);
    } else if (!yaml_document_get_root_node(&yaml->document)) {
        result = pf_yaml_refuse_line(yaml, error, 1, "the file is empty, expected id, title and variants");
    } else if (!yaml_parser_load(&parser, &second)) {
        result = refuse_syntax(yaml, &parser, error);
    } else {
        const yaml_node_t *root = yaml_document_get_root_node(&second);
        if (root)
            result = pf_yaml_refuse_line(yaml, error, pf_yaml_node_line(root),
                                         "a second document begins here, expected one");
        yaml_document_delete(&second);
    }
    yaml_parser_delete(&parser);
    return result;
}

int pf_yaml_open(const char *path, struct pf_yaml **ret_yaml, struct pf_error *error)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        int code = errno;
        return pf_error_set(error, -code, "%s: %s", path, strerror(code));
    }
    struct pf_yaml *yaml = calloc(1, sizeof(*yaml));
    int result =
        yaml && (yaml->path = strdup(path)) ? 0 : pf_error_set(error, -ENOMEM, "%s", strerror(ENOMEM));
    if (result == 0)
        result = read_whole(file, yaml, error);
    fclose(file);
    if (result == 0)
        result = load_document(yaml, error);
    if (result < 0) {
        pf_yaml_close(yaml);
        return result;
    }
    *ret_yaml = yaml;
    return 0;
}

void pf_yaml_close(struct pf_yaml *yaml)
{
    if (!yaml)
        return;
    yaml_document_delete(&yaml->document);
    free(yaml->text);
    free(yaml->path);
    free(yaml);
}

const yaml_node_t *pf_yaml_root(struct pf_yaml *yaml)
{
    return yaml_document_get_root_node(&yaml->document);
}

const yaml_node_t *pf_yaml_node(struct pf_yaml *yaml, int index)
{
    return yaml_document_get_node(&yaml->document, index);
}

size_t pf_yaml_node_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static const yaml_node_t *find_key(struct pf_yaml *yaml, const yaml_node_t *mapping, const char *name,
                                   size_t length)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = pf_yaml_node(yaml, pair->key);
        if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == length &&
            memcmp(key->data.scalar.value, name, length) == 0)
            return pf_yaml_node(yaml, pair->value);
    }
    return NULL;
}

static const yaml_node_t *find_item(struct pf_yaml *yaml, const yaml_node_t *sequence, size_t index)
{
    if (sequence->type != YAML_SEQUENCE_NODE)
        return NULL;
    const yaml_node_item_t *items = sequence->data.sequence.items.start;
    size_t count = (size_t)(sequence->data.sequence.items.top - items);
    return index < count ? pf_yaml_node(yaml, items[index]) : NULL;
}

const yaml_node_t *pf_yaml_find(struct pf_yaml *yaml, const char *where)
{
    const yaml_node_t *node = pf_yaml_root(yaml), *next = node;
    while (*where && next) {
        node = next;
        if (*where == '[') {
            next = find_item(yaml, node, strtoul(where + 1, NULL, 10));
            where += strcspn(where, "]") + 1;
        } else {
            where += *where == '.';
            size_t length = strcspn(where, ".[");
            next = find_key(yaml, node, where, length);
            where += length;
        }
    }
    return next ? next : node;
}

static int refuse(const struct pf_yaml *yaml, struct pf_error *error, size_t line, const char *format,
                  va_list args)
{
    char message[sizeof(error->message)];
    vsnprintf(message, sizeof(message), format, args);
    return pf_error_set(error, -EINVAL, "%s:%zu: %s", yaml->path, line, message);
}

int pf_yaml_refuse(struct pf_yaml *yaml, struct pf_error *error, const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = refuse(yaml, error, pf_yaml_node_line(pf_yaml_find(yaml, where)), format, args);
    va_end(args);
    return result;
}

int pf_yaml_refuse_line(const struct pf_yaml *yaml, struct pf_error *error, size_t line, const char *format,
                        ...)
{
    va_list args;
    va_start(args, format);
    int result = refuse(yaml, error, line, format, args);
    va_end(args);
    return result;
}
