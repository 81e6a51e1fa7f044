#include "probe/functions.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/path.h"
#include "probe/procfs.h"

enum { PATH_SIZE = 4200 };

struct file {
    const char *path;   /* as the process has it mapped */
    uint64_t inode;     /* as the process has it mapped */
    struct stat status; /* when it was read */
    uint64_t seen;      /* in this round */
    Dwfl *dwfl;         /* NULL: not a file that could be read */
    Dwfl_Module *module;
};

struct pf_functions {
    struct pf_arena *arena;
    struct file **files;
    size_t count;
    uint64_t round;
};

/* Executable memory of a process that a file lies behind. */
struct piece {
    const struct file *file;
    uint64_t begin, end, offset;
    bool program;
};

struct pf_image {
    struct pf_functions *functions;
    struct piece *pieces;
    size_t count;
};

struct pf_functions *pf_functions_new(void)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_functions *functions = pf_arena_alloc(arena, sizeof(*functions));
    functions->arena = arena;
    return functions;
}

void pf_functions_next(struct pf_functions *functions)
{
    functions->round++;
}

void pf_functions_free(struct pf_functions *functions)
{
    if (!functions)
        return;
    for (size_t i = 0; i < functions->count; i++)
        dwfl_end(functions->files[i]->dwfl);
    pf_arena_free(functions->arena);
}

/* The name is one of the process' mount namespace; the file may be gone from it, but not the program's own.
 */
static int open_mapped(pid_t pid, const char *path, uint64_t inode, struct stat *ret_status)
{
    char through[PATH_SIZE];
    for (int own = 0; own < 2; own++) {
        snprintf(through, sizeof(through), "/proc/%d/%s%s", (int)pid, own ? "exe" : "root", own ? "" : path);
        int fd = open(through, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, ret_status) == 0 && ret_status->st_ino == inode)
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                         .find_debuginfo = dwfl_standard_find_debuginfo,
                                         .section_address = dwfl_offline_section_address};

static void read_symbols(struct file *file, int fd)
{
    file->dwfl = dwfl_begin(&callbacks);
    if (!file->dwfl) {
        close(fd);
        return;
    }
    /* At base 0 a symbol's address is the one in the file. Dwfl keeps the descriptor when it succeeds. */
    file->module = dwfl_report_elf(file->dwfl, file->path, file->path, fd, 0, false);
    if (!file->module)
        close(fd);
    dwfl_report_end(file->dwfl, NULL, NULL);
}

static struct file *find_file(const struct pf_functions *functions, const char *path)
{
    for (size_t i = 0; i < functions->count; i++)
        if (strcmp(functions->files[i]->path, path) == 0)
            return functions->files[i];
    return NULL;
}

static struct file *add_file(struct pf_functions *functions, const char *path)
{
    struct file *file = pf_arena_alloc(functions->arena, sizeof(*file));
    file->path = pf_arena_strdup(functions->arena, path);
    *(struct file **)pf_arena_grow(functions->arena, &functions->files, &functions->count, sizeof(file)) =
        file;
    return file;
}

/* In a later round, what was read is still good if the file is the same. */
static const struct file *file_of(struct pf_functions *functions, pid_t pid, const char *path, uint64_t inode)
{
    struct file *file = find_file(functions, path);
    struct stat status = {0};
    if (file && file->inode == inode && file->seen == functions->round)
        return file;
    int fd = open_mapped(pid, path, inode, &status);
    bool known = file && file->inode == inode && fd >= 0 && is_same(&file->status, &status);
    if (!file)
        file = add_file(functions, path);
    file->seen = functions->round;
    if (known) {
        close(fd);
        return file;
    }
    dwfl_end(file->dwfl);
    *file = (struct file){.path = file->path, .inode = inode, .status = status, .seen = file->seen};
    if (fd >= 0)
        read_symbols(file, fd);
    return file;
}

static void add_piece(struct pf_image *image, pid_t pid, uint64_t program, char *line, struct pf_arena *arena)
{
    uint64_t begin, end, offset, inode;
    char executable;
    int name = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*2c%c%*c %" SCNx64 " %*x:%*x %" SCNu64 " %n", &begin, &end,
               &executable, &offset, &inode, &name) < 5 ||
        executable != 'x' || inode == 0 || line[name] != '/')
        return;
    struct piece *piece = pf_arena_grow(arena, &image->pieces, &image->count, sizeof(*piece));
    *piece = (struct piece){.file = file_of(image->functions, pid, line + name, inode),
                            .begin = begin,
                            .end = end,
                            .offset = offset,
                            .program = inode == program};
}

int pf_image_read(struct pf_functions *functions, pid_t pid, struct pf_arena *arena,
                  struct pf_image **ret_image)
{
    char path[64], *text;
    struct stat program = {0};
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    (void)stat(path, &program);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    int r = pf_proc_read_all(path, arena, &text);
    if (r < 0)
        return r;
    struct pf_image *image = pf_arena_alloc(arena, sizeof(*image));
    image->functions = functions;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : NULL;
        add_piece(image, pid, program.st_ino, line, arena);
    }
    *ret_image = image;
    return 0;
}

/* "put" is found as put, put@@VERSION and as put.constprop.0, put.isra.0, put.lto_priv.0, but not as put.cold
 * or put.part.0, which are pieces of it. */
static bool is_called(const char *symbol, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(symbol, name, length) != 0)
        return false;
    const char *rest = symbol + length;
    return *rest == '\0' || *rest == '@' ||
           (*rest == '.' && !strstr(rest, ".cold") && !strstr(rest, ".part"));
}

static void add_address(struct pf_arena *arena, struct pf_found *found, uint64_t address)
{
    for (size_t i = 0; i < found->count; i++)
        if (found->addresses[i] == address)
            return;
    *(uint64_t *)pf_arena_grow(arena, &found->addresses, &found->count, sizeof(address)) = address;
}

/* Where in the file the address lies. */
static bool file_offset(Dwfl_Module *module, uint64_t address, uint64_t *ret_offset)
{
    Dwarf_Addr bias;
    Elf *elf = dwfl_module_getelf(module, &bias);
    size_t count = 0;
    if (!elf || elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD ||
            address < header.p_vaddr + bias || address >= header.p_vaddr + bias + header.p_filesz)
            continue;
        *ret_offset = address - bias - header.p_vaddr + header.p_offset;
        return true;
    }
    return false;
}

static void find_in(const struct piece *piece, const char *name, struct pf_arena *arena,
                    struct pf_found *found)
{
    Dwfl_Module *module = piece->file->module;
    int symbols = module ? dwfl_module_getsymtab(module) : 0;
    for (int i = 1; i < symbols; i++) {
        GElf_Sym symbol;
        GElf_Addr address;
        GElf_Word section;
        const char *text = dwfl_module_getsym_info(module, i, &symbol, &address, &section, NULL, NULL);
        uint64_t offset;
        if (!text || section == SHN_UNDEF || !is_called(text, name))
            continue;
        found->indirect |= GELF_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC;
        if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || !file_offset(module, address, &offset) ||
            offset < piece->offset || offset - piece->offset >= piece->end - piece->begin)
            continue;
        add_address(arena, found, piece->begin + (offset - piece->offset));
    }
}

static bool is_module(const char *path, const char *glob)
{
    return fnmatch(glob, strchr(glob, '/') ? path : pf_path_name(path), 0) == 0;
}

struct pf_found pf_image_find(const struct pf_image *image, const char *module, const char *name,
                              struct pf_arena *arena)
{
    struct pf_found found = {0};
    for (int own = 1; own >= 0 && found.count == 0; own--) {
        for (size_t i = 0; i < image->count; i++) {
            const struct piece *piece = &image->pieces[i];
            if (module ? is_module(piece->file->path, module) : piece->program == own)
                find_in(piece, name, arena, &found);
        }
        found.settled = !module && own && found.count > 0;
    }
    return found;
}

size_t pf_functions_files(const struct pf_functions *functions)
{
    return functions->count;
}

void pf_functions_each(const struct pf_functions *functions, void (*visit)(void *context, const char *name),
                       void *context)
{
    for (size_t i = 0; i < functions->count; i++) {
        Dwfl_Module *module = functions->files[i]->module;
        int symbols = module ? dwfl_module_getsymtab(module) : 0;
        for (int k = 1; k < symbols; k++) {
            GElf_Sym symbol;
            GElf_Addr address;
            GElf_Word section;
            const char *name = dwfl_module_getsym_info(module, k, &symbol, &address, &section, NULL, NULL);
            if (name && name[0] && section != SHN_UNDEF && GELF_ST_TYPE(symbol.st_info) == STT_FUNC)
                visit(context, name);
        }
    }
}
