#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "args_internal.h"
#include "error_internal.h"
#include "manager_serve.h"

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct manager_entry *)a)->key, ((const struct manager_entry *)b)->key);
}

static size_t charge_of(const char *key)
{
    return sizeof(struct manager_entry) + strlen(key) + 1 + MANAGER_OVERHEAD;
}

static int read_key(const struct manager_call *call, const char **ret_key)
{
    const char *key;

    if (mproc_args_get_string(call->request, MANAGER_ARG_FIRST, &key))
        return -EBADMSG;
    if (call->object->kind == MPROC_SHARED_NAMESPACE) {
        bool is_identifier = key[0] == '_' || isalpha((unsigned char)key[0]);
        for (const char *c = key; *c; c++)
            is_identifier = is_identifier && (*c == '_' || isalnum((unsigned char)*c));
        if (!is_identifier)
            return mproc_fail(-EINVAL, "'%s' is no name: a namespace has letters, digits and underscores",
                              key);
    }
    *ret_key = key;
    return 0;
}

static struct manager_entry *find(const struct manager_object *dict, const char *key)
{
    const struct manager_entry sought = {.key = (char *)(uintptr_t)key};
    struct manager_entry **found = tfind(&sought, &dict->entries, by_key);

    return found ? *found : NULL;
}

static int fail_missing(const struct manager_object *dict, const char *key)
{
    return mproc_fail(-ENODATA, "the %s '%s' has nothing for the key '%s'",
                      dict->kind == MPROC_SHARED_DICT ? "dictionary" : "namespace",
                      dict->name ? dict->name : "", key);
}

/* Takes the values, also on error. */
static int add_entry(struct manager_server *server, struct manager_object *dict, const char *key,
                     struct manager_values *values)
{
    int r = mproc_manager_charge(server, charge_of(key));

    if (r == 0) {
        struct manager_entry *entry = malloc(sizeof(*entry));
        if (entry) {
            entry->key = strdup(key);
            entry->values = values;
            if (entry->key && tsearch(entry, &dict->entries, by_key)) {
                dict->nentries++;
                return 0;
            }
            free(entry->key);
        }
        free(entry);
        server->bytes -= charge_of(key);
        r = mproc_fail(-ENOMEM, "the manager's server has no memory for one more key");
    }
    mproc_manager_discard(server, values);
    return r;
}

static int put(const struct manager_call *call, bool may_replace)
{
    struct manager_values *values = NULL;
    const char *key;
    int r = read_key(call, &key);

    if (r)
        return r;
    struct manager_entry *entry = find(call->object, key);
    if (entry && !may_replace)
        return mproc_fail(-EEXIST, "the key '%s' stands for something already", key);
    r = mproc_manager_keep(call, MANAGER_ARG_FIRST + 1, &values);
    if (r)
        return r;
    if (!entry)
        return add_entry(call->server, call->object, key, values);
    mproc_manager_discard(call->server, entry->values);
    entry->values = values;
    return 0;
}

int mproc_manager_dict_set(const struct manager_call *call)
{
    return put(call, true);
}

int mproc_manager_dict_insert(const struct manager_call *call)
{
    return put(call, false);
}

int mproc_manager_dict_get(const struct manager_call *call)
{
    const char *key;
    int r = read_key(call, &key);

    if (r)
        return r;
    const struct manager_entry *entry = find(call->object, key);
    if (!entry)
        return fail_missing(call->object, key);
    return mproc_args_add_bytes(call->answer, entry->values->bytes, entry->values->len);
}

static void end_entry(struct manager_server *server, struct manager_entry *entry)
{
    server->bytes -= charge_of(entry->key);
    mproc_manager_discard(server, entry->values);
    free(entry->key);
    free(entry);
}

int mproc_manager_dict_pop(const struct manager_call *call)
{
    const char *key;
    int r = read_key(call, &key);

    if (r)
        return r;
    struct manager_entry *entry = find(call->object, key);
    if (!entry)
        return fail_missing(call->object, key);
    r = mproc_args_add_bytes(call->answer, entry->values->bytes, entry->values->len);
    if (r)
        return r;
    tdelete(entry, &call->object->entries, by_key);
    call->object->nentries--;
    end_entry(call->server, entry);
    return 0;
}

/* The one integer that the values are. */
static int read_integer(const struct manager_values *values, int64_t *ret_value)
{
    struct mproc_args *args;
    int r = mproc_args_decode(values->bytes, values->len, NULL, 0, &args);

    if (r)
        return r;
    r = mproc_args_count(args) == 1 ? mproc_args_get_int(args, 0, ret_value) : -EINVAL;
    mproc_args_free(args);
    return r;
}

static int set_integer(struct manager_server *server, struct manager_object *dict, const char *key,
                       struct manager_entry *entry, int64_t value)
{
    struct manager_values *values = NULL;
    struct mproc_args_wire wire;
    struct mproc_args *args;
    int r = mproc_args_new(&args);

    if (r)
        return r;
    mproc_args_add_int(args, value);
    r = mproc_args_encode(args, &wire);
    mproc_args_free(args);
    if (r)
        return r;
    r = mproc_manager_keep_bytes(server, wire.bytes, wire.len, &values);
    free(wire.bytes);
    if (r)
        return r;
    if (!entry)
        return add_entry(server, dict, key, values);
    mproc_manager_discard(server, entry->values);
    entry->values = values;
    return 0;
}

int mproc_manager_dict_add(const struct manager_call *call)
{
    int64_t value = 0;
    int64_t delta;
    const char *key;
    int r = read_key(call, &key);

    if (r)
        return r;
    if (mproc_args_get_int(call->request, MANAGER_ARG_FIRST + 1, &delta))
        return -EBADMSG;
    struct manager_entry *entry = find(call->object, key);
    if (entry && read_integer(entry->values, &value))
        return mproc_fail(-EINVAL, "the key '%s' stands for something other than one integer", key);
    if (__builtin_add_overflow(value, delta, &value))
        return mproc_fail(-ERANGE, "the sum of the key '%s' does not fit into 64 bits", key);
    r = set_integer(call->server, call->object, key, entry, value);
    return r ? r : mproc_args_add_int(call->answer, value);
}

struct listing {
    struct mproc_args *args;
    bool with_values;
};

static void list_entry(const void *node, VISIT visit, void *closure)
{
    const struct manager_entry *entry = *(struct manager_entry *const *)node;
    struct listing *listing = closure;

    if (visit != postorder && visit != leaf)
        return;
    mproc_args_add_string(listing->args, entry->key);
    if (listing->with_values)
        mproc_args_add_encoded(listing->args, entry->values->bytes, entry->values->len);
}

static int list_all(const struct manager_call *call, bool with_values)
{
    struct listing listing = {.with_values = with_values};
    struct mproc_args_wire wire;
    int r = mproc_args_new(&listing.args);

    if (r)
        return r;
    if (with_values)
        mproc_args_add_map(listing.args, (uint32_t)call->object->nentries);
    twalk_r(call->object->entries, list_entry, &listing);
    r = mproc_args_encode(listing.args, &wire);
    if (r == 0) {
        r = mproc_args_add_bytes(call->answer, wire.bytes, wire.len);
        free(wire.bytes);
    }
    mproc_args_free(listing.args);
    return r;
}

int mproc_manager_dict_keys(const struct manager_call *call)
{
    return list_all(call, false);
}

int mproc_manager_dict_items(const struct manager_call *call)
{
    return list_all(call, true);
}

void mproc_manager_dict_clear(struct manager_server *server, struct manager_object *dict)
{
    while (dict->entries) {
        struct manager_entry *entry = *(struct manager_entry **)dict->entries;
        tdelete(entry, &dict->entries, by_key);
        end_entry(server, entry);
    }
    dict->nentries = 0;
}
