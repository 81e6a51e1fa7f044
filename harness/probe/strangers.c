#include "probe/strangers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe/census.h"

/* Rounds until no stranger is left that was born during the one before: whoever passes on what it holds does
 * it by forking. */
enum { ROUNDS = 200 };

/* An object that may be held outside the tree. */
struct wanted {
    struct pf_object *object;
    struct pf_site *site; /* one holder in the tree, and its descriptor; NULL: memory */
    struct pf_fd *fd;
    struct pf_mapping mapping; /* memory */
};

struct search {
    struct pf_survey *survey;
    struct wanted *wanted;
    size_t wanted_count;
    bool wants_memory, wants_files;
    struct pf_census census;
};

static bool is_memory(const struct pf_object *object, struct pf_mapping *ret_mapping)
{
    struct pf_mapping mapping = {0};
    const char *at = object->id + strlen("futex:");
    bool sysv = strncmp(at, "sysv:", 5) == 0;
    unsigned long long inode;
    if (!object->futex || !object->futex->shared ||
        sscanf(at + (sysv ? 5 : 0), "%x:%x:%llu+", &mapping.major, &mapping.minor, &inode) != 3)
        return false;
    mapping.inode = inode;
    /* Whose owner is known can be unlocked by nobody else, whoever may reach it. */
    *ret_mapping = mapping;
    return object->futex->kind == PF_FUTEX_PLAIN || object->futex->kind == PF_FUTEX_SEMAPHORE;
}

static void add_wanted(struct search *search, struct pf_object *object)
{
    struct wanted wanted = {.object = object};
    if (object->external || object->kind == PF_OBJECT_PIDFD)
        return; /* to hold a pidfd does nothing to the process */
    if (object->kind == PF_OBJECT_FUTEX && !is_memory(object, &wanted.mapping))
        return;
    if (object->kind != PF_OBJECT_FUTEX) {
        wanted.site =
            object->holder_count ? pf_survey_site_at(search->survey, object->holders[0].process) : NULL;
        wanted.fd = wanted.site ? pf_site_fd(search->survey, wanted.site, (int)object->holders[0].fd) : NULL;
        if (!wanted.fd)
            return;
    }
    search->wants_memory |= object->kind == PF_OBJECT_FUTEX;
    search->wants_files |= object->kind == PF_OBJECT_FILE || object->kind == PF_OBJECT_FIFO;
    *(struct wanted *)pf_arena_grow(search->survey->arena, &search->wanted, &search->wanted_count,
                                    sizeof(wanted)) = wanted;
}

static void set_held(struct search *search, struct pf_object *object, const struct pf_person *stranger,
                     const char *how)
{
    pf_object_set_external(object, pf_arena_printf(search->survey->arena,
                                                   "process %d (%s), which is not of the tree, %s",
                                                   stranger->pid, stranger->stat.name, how));
}

static bool fdinfo_has(pid_t pid, int number, const char *text)
{
    char path[64], info[4096];
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, number);
    return pf_proc_read(path, info, sizeof(info)) > 0 && strstr(info, text);
}

/* Is the stranger's descriptor, whose link reads so, of the object? Its link is the tree's as well. */
static bool is_same(const struct wanted *wanted, const struct pf_person *stranger, int number)
{
    char text[48];
    switch (wanted->fd->kind) {
    case PF_OBJECT_PIPE:
    case PF_OBJECT_SOCKET:
        return true; /* the number is in the link */
    case PF_OBJECT_EVENTFD:
        snprintf(text, sizeof(text), "eventfd-id: %llu\n", (unsigned long long)wanted->fd->inode);
        return fdinfo_has(stranger->pid, number, text);
    default:
        /* Where the two cannot be compared they count as the same. */
        return syscall(SYS_kcmp, wanted->site->reader, stranger->pid, KCMP_FILE, wanted->fd->number,
                       number) <= 0;
    }
}

/* A file or FIFO, which may have several names. Of a file only the lock on it can be waited for. */
static bool is_same_file(const struct wanted *wanted, const struct pf_person *stranger, int directory,
                         const char *entry)
{
    struct stat status;
    if (fstatat(directory, entry, &status, 0) < 0 || status.st_ino != wanted->fd->inode ||
        status.st_dev != wanted->fd->device)
        return false;
    return wanted->fd->kind == PF_OBJECT_FIFO || fdinfo_has(stranger->pid, atoi(entry), "lock:");
}

/* Memory may be mapped by whoever has its file. Some file systems tell another device here. */
static bool is_file_of(const struct pf_mapping *mapping, int directory, const char *entry)
{
    struct stat status;
    return fstatat(directory, entry, &status, 0) == 0 && status.st_ino == mapping->inode;
}

static void match(struct search *search, const struct pf_person *stranger, int directory, const char *entry,
                  const char *link)
{
    for (size_t i = 0; i < search->wanted_count; i++) {
        const struct wanted *wanted = &search->wanted[i];
        if (wanted->object->external)
            continue;
        if (!wanted->fd) {
            if (link[0] == '/' && is_file_of(&wanted->mapping, directory, entry))
                set_held(search, wanted->object, stranger, "has the file of its memory open");
            continue;
        }
        bool file = wanted->fd->kind == PF_OBJECT_FILE || wanted->fd->kind == PF_OBJECT_FIFO;
        bool held = file ? link[0] == '/' && is_same_file(wanted, stranger, directory, entry)
                         : strcmp(link, wanted->fd->link) == 0 && is_same(wanted, stranger, atoi(entry));
        if (held)
            set_held(search, wanted->object, stranger, "has it open as well");
    }
}

/* Returns 0 or -errno: -EACCES when the stranger may not be read. */
static int look_at_descriptors(struct search *search, const struct pf_person *stranger)
{
    char path[64], link[256];
    snprintf(path, sizeof(path), "/proc/%d/fd", stranger->pid);
    DIR *directory = opendir(path);
    if (!directory)
        return -errno;
    int code = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);
        if (length < 0) {
            code = errno == EACCES || errno == EPERM ? -errno : code; /* else it was closed meanwhile */
            continue;
        }
        link[length] = '\0';
        if (link[0] != '/' || search->wants_files || search->wants_memory)
            match(search, stranger, dirfd(directory), entry->d_name, link);
    }
    closedir(directory);
    return code;
}

static bool is_at(const struct pf_mapping *a, const struct pf_mapping *b)
{
    return a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

/* Returns 0 or -errno, as above. */
static int look_at_memory(struct search *search, const struct pf_person *stranger)
{
    const struct pf_probe_process process = {.address = "", .pid = stranger->pid};
    struct pf_site site = {.process = &process, .reader = stranger->pid};
    int code = pf_site_load_maps(search->survey, &site);
    for (size_t i = 0; i < search->wanted_count && !code; i++)
        for (size_t k = 0; !search->wanted[i].fd && k < site.map_count; k++)
            if (is_at(&site.maps[k], &search->wanted[i].mapping))
                set_held(search, search->wanted[i].object, stranger, "has its memory mapped as well");
    return code;
}

static bool is_of_tree(const struct search *search, pid_t pid)
{
    return pf_survey_site(search->survey, pid);
}

/* Is it a parent, grandparent ... of a root of the tree? */
static bool is_ancestor(const struct search *search, pid_t pid)
{
    for (size_t i = 0; i < search->survey->request->process_count; i++) {
        const struct pf_probe_process *process = &search->survey->request->processes[i];
        const struct pf_person *person =
            process->parent ? NULL : pf_census_find(&search->census, process->pid);
        for (size_t depth = 0; person && depth <= search->census.count; depth++) {
            person = pf_census_find(&search->census, person->stat.parent);
            if (person && person->pid == pid)
                return true;
        }
    }
    return false;
}

static uint64_t birth_of_tree(const struct search *search)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < search->survey->request->process_count; i++) {
        const struct pf_person *person =
            pf_census_find(&search->census, search->survey->request->processes[i].pid);
        if (person && person->stat.start < first)
            first = person->stat.start;
    }
    return first;
}

static bool is_of_sessions(const struct search *search, pid_t session)
{
    for (size_t i = 0; session && i < search->survey->request->process_count; i++) {
        const struct pf_person *person =
            pf_census_find(&search->census, search->survey->request->processes[i].pid);
        if (person && person->stat.session == session)
            return true;
    }
    return false;
}

/*
 * Could a process that may not be read hold anything of the tree? It must have inherited it: as one of the
 * session that the tree was started in (the rest of a pipeline), or as a descendant of the tree that lost its
 * parents. Those are adopted by an ancestor of the tree, and they are younger than the tree. Ancestors
 * themselves had what they have before the tree was born; what they gave to it is looked at elsewhere.
 */
static bool may_hold(const struct search *search, const struct pf_person *stranger)
{
    if (is_ancestor(search, stranger->pid))
        return false;
    if (is_of_sessions(search, stranger->stat.session))
        return true;
    const struct pf_person *top = stranger;
    for (size_t depth = 0; depth <= search->census.count && !is_ancestor(search, top->stat.parent); depth++) {
        const struct pf_person *above = pf_census_find(&search->census, top->stat.parent);
        if (!above)
            break;
        top = above;
    }
    return top->stat.start >= birth_of_tree(search);
}

static void look_at(struct search *search, const struct pf_person *stranger)
{
    struct pf_snapshot *snapshot = search->survey->snapshot;
    int code = look_at_descriptors(search, stranger);
    if (!code && search->wants_memory)
        code = look_at_memory(search, stranger);
    if ((code != -EACCES && code != -EPERM) || !may_hold(search, stranger))
        return;
    *(const char **)pf_arena_grow(search->survey->arena, &snapshot->strangers, &snapshot->stranger_count,
                                  sizeof(char *)) =
        pf_arena_printf(search->survey->arena, "%d (%s)", stranger->pid, stranger->stat.name);
}

/* Looks at everybody who was not there before; returns how many there were. */
static size_t look_around(struct search *search)
{
    size_t news = 0;
    const struct pf_census before = search->census;
    if (pf_census_read(search->survey->arena, &before, &search->census) < 0)
        return 0;
    for (size_t i = 0; i < search->census.count; i++) {
        const struct pf_person *person = &search->census.people[i];
        if (person->stat.kernel || strchr("ZX", person->stat.state) || pf_census_find(&before, person->pid))
            continue;
        news++;
        if (!is_of_tree(search, person->pid))
            look_at(search, person);
    }
    return news;
}

/* What a root was born with may be held by a parent that cannot be read, or is not even seen. */
static void distrust_parent(struct search *search, const char *root, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd/0", pid);
    if (pid > 0 && (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 || errno == ENOENT))
        return;
    for (size_t i = 0; i < search->survey->object_count; i++) {
        struct pf_object *object = search->survey->objects[i];
        for (size_t k = 0; k < object->holder_count; k++)
            if (object->holders[k].fd <= STDERR_FILENO && strcmp(object->holders[k].process, root) == 0)
                pf_object_set_external(object, "given by its parent, which cannot be read");
    }
}

static void distrust_parents(struct search *search)
{
    for (size_t i = 0; i < search->survey->request->process_count; i++) {
        const struct pf_probe_process *process = &search->survey->request->processes[i];
        const struct pf_person *person = pf_census_find(&search->census, process->pid);
        if (!process->parent && person)
            distrust_parent(search, process->address, person->stat.parent);
    }
}

/* Whoever holds the far end of a socket can do with it what a holder of the tree can. */
static void pass_to_peers(struct pf_survey *survey)
{
    for (size_t i = 0; i < survey->object_count; i++) {
        struct pf_object *object = survey->objects[i];
        const struct pf_object *peer = object->peer ? pf_survey_object(survey, object->peer) : NULL;
        if (peer && peer->external && !object->external)
            pf_object_set_external(object, pf_arena_printf(survey->arena, "of its other end: %s",
                                                           peer->external_why ? peer->external_why : ""));
    }
}

void pf_strangers_look(struct pf_survey *survey)
{
    struct search search = {.survey = survey};
    for (size_t i = 0; i < survey->object_count; i++)
        add_wanted(&search, survey->objects[i]);
    if (!search.wanted_count)
        return;
    size_t round = 0;
    while (look_around(&search) > 0 && round < ROUNDS)
        round++;
    if (round == ROUNDS)
        pf_survey_unknown(survey, "processes outside the tree are born faster than they can be looked at");
    /* hidepid: others are not even listed. */
    if (!pf_census_find(&search.census, 1))
        pf_survey_unknown(survey, "the processes of other users are hidden here, and may hold anything");
    distrust_parents(&search);
    pass_to_peers(survey);
}
