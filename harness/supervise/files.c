#include "supervise/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "model/content.h"

enum { DEPTH_MAX = 64, FILES_MAX = 1000 };
static const uint64_t DIGESTED_MAX = 256ULL << 20; /* a file beyond this is known by its size only */
static const uint64_t TEXT_MAX = 256 * 1024;       /* of all files together */

struct walk {
    struct pf_run *run;
    struct pf_ev_file *files;
    size_t count;
    size_t beyond;  /* more than are listed */
    uint64_t texts; /* bytes of text kept so far */
};

static const char *type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "link";
    case S_IFSOCK:
        return "socket";
    case S_IFIFO:
        return "fifo";
    default:
        return "device";
    }
}

/* The overlay's mark for a name that is gone. */
static bool is_whiteout(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

static const struct pf_content *content_of(struct pf_run *run, int directory, const char *name,
                                           const struct stat *status)
{
    struct pf_arena *arena = run->trace->arena;
    uint64_t size = (uint64_t)status->st_size;
    if (!S_ISREG(status->st_mode) || size > DIGESTED_MAX)
        return NULL;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    void *bytes = fd >= 0 && size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    struct pf_content *content = NULL;
    if (fd >= 0 && bytes != MAP_FAILED) {
        content = pf_arena_alloc(arena, sizeof(*content));
        *content = pf_content_new(NULL, bytes ? bytes : "", size, arena);
        content->bytes = NULL;
        content->held = 0;
    }
    if (bytes && bytes != MAP_FAILED)
        munmap(bytes, size);
    if (fd >= 0)
        close(fd);
    return content;
}

/* Opened for writing, or touched, but it holds what it held. */
static bool is_unchanged(const struct walk *walk, const char *path, const struct stat *now,
                         const struct stat *before, const struct pf_content *content)
{
    if ((now->st_mode & S_IFMT) != (before->st_mode & S_IFMT))
        return false;
    if (!S_ISREG(now->st_mode))
        return !S_ISLNK(now->st_mode);
    if (now->st_size != before->st_size || !content)
        return false;
    const struct pf_content *real = content_of(walk->run, AT_FDCWD, path, before);
    return real && pf_content_same(real, content);
}

static bool is_inside(const char *path, const char *top)
{
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 && path[length] == '/';
}

static void take(struct walk *walk, const struct pf_child_layer *layer, int directory, const char *name,
                 const char *path, const struct stat *now)
{
    const struct pf_layers *layers = &walk->run->launched.containment->layers;
    struct pf_ev_file file = {
        .path = path,
        .change = "deleted",
        .temporary = layer->temporary && !is_inside(path, layers->directory),
    };
    struct stat before;
    bool existed = lstat(path, &before) == 0;
    if (!is_whiteout(now)) {
        const struct pf_content *content = content_of(walk->run, directory, name, now);
        if (existed && is_unchanged(walk, path, now, &before, content))
            return;
        file.change = existed ? "changed" : "created";
        file.size = (uint64_t)now->st_size;
        file.content = content;
        walk->texts += content && content->text ? content->size : 0;
        if (walk->texts > TEXT_MAX && content)
            file.content = pf_content_outline(content, walk->run->trace->arena);
    }
    file.type = type_of(is_whiteout(now) && existed ? before.st_mode : now->st_mode);
    if (walk->count == FILES_MAX)
        walk->beyond++;
    else
        *(struct pf_ev_file *)pf_arena_grow(walk->run->trace->arena, &walk->files, &walk->count,
                                            sizeof(file)) = file;
}

static void walk_directory(struct walk *walk, const struct pf_child_layer *layer, int fd, const char *path,
                           int depth)
{
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream && fd >= 0)
        close(fd);
    if (!stream)
        return;
    for (const struct dirent *entry; (entry = readdir(stream));) {
        struct stat now;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fstatat(fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        const char *full = pf_arena_printf(walk->run->trace->arena, "%s/%s", path, name);
        take(walk, layer, fd, name, full, &now);
        if (S_ISDIR(now.st_mode) && depth < DEPTH_MAX)
            walk_directory(walk, layer, openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                           full, depth + 1);
    }
    closedir(stream);
}

static int by_path(const void *left, const void *right)
{
    const struct pf_ev_file *a = left, *b = right;
    return strcmp(a->path, b->path);
}

void pf_files_finish(struct pf_run *run)
{
    struct walk walk = {.run = run};
    if (!run->launched.containment || run->launched.containment->layers.fd < 0 ||
        (run->launched.ended && run->launched.containment->sheet->report.untouched))
        return;
    const struct pf_layers *layers = &run->launched.containment->layers;
    for (size_t i = 0; i < layers->count; i++)
        walk_directory(
            &walk, &layers->layers[i],
            openat(layers->fd, layers->layers[i].upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
            layers->layers[i].path, 0);
    if (walk.count)
        qsort(walk.files, walk.count, sizeof(*walk.files), by_path);
    for (size_t i = 0; i < walk.count; i++)
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_FILE, .file = walk.files[i]});
    if (walk.beyond)
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_NOTE,
                                           .note.text = pf_arena_printf(
                                               run->trace->arena,
                                               "%zu more files that it wrote are not listed", walk.beyond)});
}
