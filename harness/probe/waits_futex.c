/* Waits at futex words: where the word is, and which processes can reach it. */
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "probe/calls.h"
#include "probe/futexes.h"
#include "probe/objects.h"
#include "probe/reach.h"

static const char *place_of(struct pf_survey *survey, const struct pf_mapping *mapping)
{
    static const char deleted[] = " (deleted)";
    if (!mapping)
        return "private memory";
    if (strcmp(mapping->name, "/dev/zero (deleted)") == 0)
        return "anonymous shared memory";
    size_t length = strlen(mapping->name), tail = sizeof(deleted) - 1;
    if (length > tail && strcmp(mapping->name + length - tail, deleted) == 0)
        length -= tail;
    return pf_arena_strndup(survey->arena, mapping->name, length);
}

/*
 * Whether a deleted file has another name: sem_open() makes its files so. Only who may checkpoint processes
 * can ask; who cannot has to reckon with one.
 */
static bool may_be_linked(const struct pf_site *site, const struct pf_mapping *mapping)
{
    char path[96];
    struct stat file;
    snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", site->reader,
             (unsigned long long)mapping->begin, (unsigned long long)mapping->end);
    return stat(path, &file) || file.st_nlink > 0;
}

/* Shared memory with a name is open to processes that have not mapped it yet. */
static void set_names(struct pf_blocked *blocked, struct pf_object *object, const struct pf_mapping *mapping)
{
    static const char *const nameless[] = {"/dev/zero (deleted)", "/memfd:", "/anon_hugepage"};
    for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++)
        if (strncmp(mapping->name, nameless[i], strlen(nameless[i])) == 0)
            return;
    bool segment = strncmp(mapping->name, "/SYSV", 5) == 0;
    if (!segment && strstr(mapping->name, " (deleted)") && !may_be_linked(blocked->site, mapping))
        return;
    bool own = segment ? pf_reach_own_ipc(blocked->survey)
                       : pf_reach_own_device(blocked->survey, makedev(mapping->major, mapping->minor));
    pf_object_set_named(object, own, "anybody may map the memory by its name");
}

/* Memory whose descriptor the caller of pitfall gave to the root is shared with the caller. */
static bool is_given(struct pf_survey *survey, const struct pf_mapping *mapping)
{
    const struct pf_fd file = {
        .kind = PF_OBJECT_FILE,
        .device = makedev(mapping->major, mapping->minor),
        .inode = mapping->inode,
    };
    return pf_survey_is_given(survey, pf_fd_id(survey->arena, &file));
}

static bool holds_file(struct pf_survey *survey, struct pf_site *site, const struct pf_mapping *mapping)
{
    pf_site_read_fds(survey, site);
    uint64_t device = makedev(mapping->major, mapping->minor);
    for (size_t i = 0; i < site->fd_count; i++) {
        const struct pf_fd *fd = &site->fds[i];
        /* Some file systems give stat and mappings different devices; then the name tells. */
        if (fd->regular && fd->inode == mapping->inode &&
            (fd->device == device || strcmp(fd->link, mapping->name) == 0))
            return true;
    }
    return false;
}

static void add_processes(struct pf_blocked *blocked, const struct pf_futex_key *key, struct pf_futex *futex)
{
    struct pf_survey *survey = blocked->survey;
    const struct pf_site *memory = key->mapping ? NULL : pf_survey_memory(survey, blocked->site);
    for (size_t i = 0; i < survey->request->process_count; i++) {
        struct pf_site *site = &survey->sites[i];
        bool reaches = key->mapping ? pf_site_address(survey, site, key->mapping, key->offset) != 0 ||
                                          holds_file(survey, site, key->mapping)
                                    : pf_survey_memory(survey, site) == memory;
        if (!reaches)
            continue;
        const char **process =
            pf_arena_grow(survey->arena, &futex->processes, &futex->process_count, sizeof(*process));
        *process = site->process->address;
    }
}

static const char *key_id(struct pf_blocked *blocked, const struct pf_futex_wait *wait,
                          const struct pf_futex_key *key)
{
    struct pf_survey *survey = blocked->survey;
    if (key->mapping)
        return pf_arena_printf(survey->arena, "futex:%s%x:%x:%llu+0x%llx",
                               strncmp(key->mapping->name, "/SYSV", 5) ? "" : "sysv:", key->mapping->major,
                               key->mapping->minor, (unsigned long long)key->mapping->inode,
                               (unsigned long long)key->offset);
    /* Processes that share their memory share the words in it: the first of them gives the name. */
    const struct pf_site *first = pf_survey_memory(survey, blocked->site);
    return pf_arena_printf(survey->arena, "futex:%s/0x%llx", first->process->address,
                           (unsigned long long)wait->address);
}

static struct pf_object *create(struct pf_blocked *blocked, const struct pf_futex_wait *wait,
                                const struct pf_futex_key *key, const char *id)
{
    struct pf_survey *survey = blocked->survey;
    struct pf_object *object = pf_survey_add(survey, PF_OBJECT_FUTEX, id);
    struct pf_futex *futex = object->futex = pf_arena_alloc(survey->arena, sizeof(*futex));
    const struct pf_mapping *mapping = pf_site_mapping(survey, blocked->site, wait->address);
    futex->address = wait->address;
    futex->place = place_of(survey, mapping);
    add_processes(blocked, key, futex);
    futex->shared = key->mapping || futex->process_count > 1;
    futex->process_only = wait->process_only && mapping;
    return object;
}

/* The wait for the end of a thread: its word is in private memory, though the call does not say so. */
static bool add_join(struct pf_blocked *blocked, const struct pf_futex_wait *wait)
{
    uint32_t word = 0;
    if (pf_proc_memory(blocked->thread->tid, wait->address, &word, sizeof(word)) ||
        !pf_futex_is_join(blocked, wait, word))
        return false;
    struct pf_futex_key key = {0};
    const char *id = key_id(blocked, wait, &key);
    struct pf_object *object = pf_survey_object(blocked->survey, id);
    if (!object) {
        object = create(blocked, wait, &key, id);
        object->futex->kind = PF_FUTEX_JOIN;
        object->futex->word = object->futex->owner_tid = word;
    }
    pf_wait_add_target(blocked, id, -1);
    return true;
}

/* A word in shared memory is one for all. Only its owner unlocks a lock; whoever lives without the memory
 * will do so only if he can come to it by a name. */
static void settle_mapped(struct pf_blocked *blocked, struct pf_object *object,
                          const struct pf_mapping *mapping)
{
    struct pf_futex *futex = object->futex;
    bool left = pf_futex_is_left(blocked->survey, futex);
    if (!futex->owner_tid || left)
        set_names(blocked, object, mapping);
    if (!left)
        return;
    futex->owner_elsewhere = !object->named && !object->external;
    if (!futex->owner_elsewhere)
        futex->kind = PF_FUTEX_PLAIN;
}

static void add_word(struct pf_blocked *blocked, const struct pf_futex_wait *wait)
{
    struct pf_survey *survey = blocked->survey;
    if (add_join(blocked, wait))
        return;
    struct pf_futex_key key = {0};
    if (!wait->process_only)
        key.mapping = pf_site_mapping(survey, blocked->site, wait->address);
    if (key.mapping)
        key.offset = wait->address - key.mapping->begin + key.mapping->offset;
    struct pf_futex seen = {0};
    pf_futex_classify(blocked, wait, &key, &seen);
    const char *id = key_id(blocked, wait, &key);
    struct pf_object *object = pf_survey_object(survey, id);
    if (!object) {
        object = create(blocked, wait, &key, id);
        object->futex->kind = seen.kind;
        object->futex->word = seen.word;
        object->futex->owner_tid = seen.owner_tid;
        object->futex->readers = seen.readers;
        object->futex->missing = seen.missing;
    } else if (object->futex->kind != seen.kind || object->futex->owner_tid != seen.owner_tid) {
        /* Two waiters that use one word differently: no known lock. */
        object->futex->kind = PF_FUTEX_PLAIN;
        object->futex->owner_tid = 0;
    }
    if (key.mapping)
        settle_mapped(blocked, object, key.mapping);
    if (key.mapping && is_given(survey, key.mapping))
        pf_object_set_external(object, "its memory was given by the caller of pitfall");
    pf_wait_add_target(blocked, id, -1);
}

void pf_decode_futex(struct pf_blocked *blocked)
{
    const uint64_t *args = blocked->call->args;
    int flags = (int)args[1];
    struct pf_futex_wait wait = {
        .address = args[0],
        .value = (uint32_t)args[2],
        .operation = flags & FUTEX_CMD_MASK,
        .process_only = flags & FUTEX_PRIVATE_FLAG,
    };
    switch (wait.operation) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI:
        break;
    default:
        pf_wait_set_unknown(blocked, "blocked in futex operation %d", wait.operation);
        return;
    }
    blocked->wait->timed = args[3] != 0;
    int64_t limit[2];
    if (args[3] && wait.operation == FUTEX_WAIT &&
        pf_proc_memory(blocked->thread->tid, args[3], limit, sizeof(limit)) == 0 && limit[0] >= 0)
        blocked->wait->timeout_ns = (uint64_t)limit[0] * 1000000000u + (uint64_t)limit[1];
    add_word(blocked, &wait);
}

/* The newer calls count bits of size and privacy in one flags word. */
enum { NEW_FLAG_SIZE = 3, NEW_SIZE_U32 = 2 };

static void add_new_style(struct pf_blocked *blocked, uint64_t address, uint64_t value, uint32_t flags)
{
    if ((flags & NEW_FLAG_SIZE) != NEW_SIZE_U32) {
        pf_wait_set_unknown(blocked, "a futex word that is not of 32 bits");
        return;
    }
    struct pf_futex_wait wait = {
        .address = address,
        .value = (uint32_t)value,
        .operation = FUTEX_WAIT,
        .process_only = flags & FUTEX_PRIVATE_FLAG,
    };
    add_word(blocked, &wait);
}

void pf_decode_futex_wait(struct pf_blocked *blocked)
{
    const uint64_t *args = blocked->call->args;
    add_new_style(blocked, args[0], args[1], (uint32_t)args[3]);
}

void pf_decode_futex_waitv(struct pf_blocked *blocked)
{
    struct futex_waitv words[FUTEX_WAITV_MAX];
    size_t count = (size_t)blocked->call->args[1];
    if (count > FUTEX_WAITV_MAX) {
        pf_wait_set_unknown(blocked, "waiting at %zu futex words", count);
        return;
    }
    if (!pf_blocked_memory(blocked, blocked->call->args[0], words, count * sizeof(*words)))
        return;
    for (size_t i = 0; i < count && blocked->wait->kind == PF_WAIT_FUTEX; i++)
        add_new_style(blocked, words[i].uaddr, words[i].val, words[i].flags);
}
