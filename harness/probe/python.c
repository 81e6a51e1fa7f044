#include "probe/python.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "probe/procfs.h"
#include "probe/python_layout.h"
#include "probe/python_objects.h"

/* More than any process has; lists that go on longer run in a circle. */
enum { INTERPRETERS = 256, THREADS = 65536, FRAMES = 4096 };

static Elf_Scn *section_named(Elf *elf, const char *name)
{
    size_t names;
    if (elf_getshdrstrndx(elf, &names))
        return NULL;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        const char *own = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (own && strcmp(own, name) == 0)
            return section;
    }
    return NULL;
}

static void take_symbol(const char *name, uint64_t address, struct pf_python_site *site)
{
    const struct {
        const char *name;
        uint64_t *address;
    } wanted[] = {
        {"_PyRuntime", &site->runtime},      {"Py_Version", &site->version},
        {"PyCode_Type", &site->code_type},   {"PyUnicode_Type", &site->text_type},
        {"PyBytes_Type", &site->bytes_type},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (strcmp(name, wanted[i].name) == 0)
            *wanted[i].address = address;
}

bool pf_python_find(Elf *elf, uint64_t bias, struct pf_python_site *ret_site)
{
    struct pf_python_site site = {0};
    GElf_Shdr header;
    Elf_Scn *symbols = section_named(elf, ".PyRuntime") ? section_named(elf, ".dynsym") : NULL;
    Elf_Data *data = symbols && gelf_getshdr(symbols, &header) ? elf_getdata(symbols, NULL) : NULL;
    size_t count = data && header.sh_entsize ? header.sh_size / header.sh_entsize : 0;
    for (size_t i = 0; i < count; i++) {
        GElf_Sym symbol;
        const char *name =
            gelf_getsym(data, (int)i, &symbol) ? elf_strptr(elf, header.sh_link, symbol.st_name) : NULL;
        if (name && symbol.st_shndx != SHN_UNDEF)
            take_symbol(name, symbol.st_value + bias, &site);
    }
    if (!site.runtime || !site.version || !site.code_type || !site.text_type || !site.bytes_type)
        return false;
    *ret_site = site;
    return true;
}

static bool find_in_interpreter(const struct pf_python_reader *reader, uint64_t interpreter, pid_t own_tid,
                                uint64_t *ret_thread)
{
    const struct pf_python_layout *layout = &reader->layout;
    uint64_t thread, owner, number;
    if (!pf_python_word(reader, interpreter + layout->interpreter.threads, &thread))
        return false;
    for (size_t i = 0; thread && i < THREADS; i++) {
        if (!pf_python_word(reader, thread + layout->thread.interpreter, &owner) || owner != interpreter ||
            !pf_python_word(reader, thread + layout->thread.native_id, &number))
            return false;
        if (number == (uint64_t)own_tid) {
            *ret_thread = thread;
            return true;
        }
        if (!pf_python_word(reader, thread + layout->thread.next, &thread))
            return false;
    }
    return false;
}

static bool find_thread(const struct pf_python_reader *reader, pid_t own_tid, uint64_t *ret_thread)
{
    uint64_t interpreter;
    bool more =
        pf_python_word(reader, reader->site->runtime + reader->layout.runtime.interpreters, &interpreter);
    for (size_t i = 0; more && interpreter && i < INTERPRETERS; i++) {
        if (find_in_interpreter(reader, interpreter, own_tid, ret_thread))
            return true;
        more = pf_python_word(reader, interpreter + reader->layout.interpreter.next, &interpreter);
    }
    return false;
}

static bool innermost_frame(const struct pf_python_reader *reader, uint64_t thread, uint64_t *ret_frame)
{
    const struct pf_python_layout *layout = &reader->layout;
    uint64_t frame;
    if (!pf_python_word(reader, thread + layout->thread.frame, &frame))
        return false;
    return layout->thread.held ? frame && pf_python_word(reader, frame + layout->thread.holder, ret_frame)
                               : (*ret_frame = frame, true);
}

/* Some frames only mark where C begins; they have no code of their own. Returns false when the walk has to
 * end. */
static bool read_frame(const struct pf_python_reader *reader, uint64_t address, struct pf_frame *ret_frame,
                       bool *ret_is_code)
{
    enum { OWNED_BY_C = 3 };
    const struct pf_python_layout *layout = &reader->layout;
    uint64_t code, instruction;
    uint8_t owner;
    if (pf_proc_memory(reader->pid, address + layout->frame.owner, &owner, sizeof(owner)) ||
        !pf_python_word(reader, address + layout->frame.code, &code) ||
        !pf_python_word(reader, address + layout->frame.instruction, &instruction))
        return false;
    *ret_is_code = owner < OWNED_BY_C && pf_python_is(reader, code, reader->site->code_type);
    return !*ret_is_code || pf_python_describe(reader, code, instruction, ret_frame);
}

int pf_python_read(pid_t pid, const struct pf_python_site *site, pid_t own_tid, size_t most,
                   struct pf_arena *arena, struct pf_frame **ret_frames, size_t *ret_count)
{
    struct pf_python_reader reader = {.pid = pid, .site = site, .arena = arena};
    struct pf_frame *frames = NULL;
    size_t count = 0;
    uint64_t thread, frame;
    if (!pf_python_layout(pid, site, &reader.layout) || !find_thread(&reader, own_tid, &thread) ||
        !innermost_frame(&reader, thread, &frame))
        return -ENODATA;
    for (size_t i = 0; frame && count < most && i < FRAMES; i++) {
        struct pf_frame described = {.language = "python"};
        bool is_code;
        if (!read_frame(&reader, frame, &described, &is_code))
            break;
        if (is_code)
            *(struct pf_frame *)pf_arena_grow(arena, &frames, &count, sizeof(described)) = described;
        if (!pf_python_word(&reader, frame + reader.layout.frame.previous, &frame))
            break;
    }
    if (!count)
        return -ENODATA;
    *ret_frames = frames;
    *ret_count = count;
    return 0;
}

/* What kind of callable it is does not matter, as long as there is code where a function has it: behind its
 * globals, builtins and two names; a bound method has its function first. */
static bool find_code(const struct pf_python_reader *reader, uint64_t callable, uint64_t *ret_code)
{
    enum { METHOD_FUNCTION = 16, FUNCTION_CODE = 48 };
    uint64_t function, code;
    if (pf_python_word(reader, callable + FUNCTION_CODE, &code) &&
        pf_python_is(reader, code, reader->site->code_type)) {
        *ret_code = code;
        return true;
    }
    return pf_python_word(reader, callable + METHOD_FUNCTION, &function) &&
           pf_python_word(reader, function + FUNCTION_CODE, ret_code) &&
           pf_python_is(reader, *ret_code, reader->site->code_type);
}

int pf_python_handler(pid_t pid, const struct pf_python_site *site, pid_t own_tid, struct pf_arena *arena,
                      struct pf_frame *ret_function, uint64_t *ret_object)
{
    struct pf_python_reader reader = {.pid = pid, .site = site, .arena = arena};
    struct pf_frame frame = {0}, function = {.language = "python"};
    uint64_t thread, innermost, handler, code;
    bool is_code;
    if (!pf_python_layout(pid, site, &reader.layout) || !find_thread(&reader, own_tid, &thread) ||
        !innermost_frame(&reader, thread, &innermost) || !read_frame(&reader, innermost, &frame, &is_code) ||
        !is_code || !frame.module || strcmp(frame.function, "signal") != 0)
        return -ENODATA;
    /* def signal(signalnum, handler) */
    if (!pf_python_word(&reader, innermost + reader.layout.frame.locals + sizeof(uint64_t), &handler) ||
        !find_code(&reader, handler, &code) ||
        !pf_python_describe(&reader, code, code + reader.layout.code.instructions, &function))
        return -ENODATA;
    *ret_function = function;
    *ret_object = handler;
    return 0;
}
