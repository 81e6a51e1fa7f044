/* The call stacks of the stopped threads of a process, by libdwfl: unwinding, symbols and source lines. */
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/event.h"
#include "probe/frames.h"
#include "probe/probe.h"
#include "probe/procfs.h"
#include "probe/python.h"

enum { MAX_FRAMES = 32, PAGE = 4096, KNOWN_FRAMES = 256 };

/* DWARF's number of it; 0: not known for this machine. */
#if defined(__x86_64__)
enum { STACK_POINTER = 7 };
#elif defined(__aarch64__)
enum { STACK_POINTER = 31 };
#else
enum { STACK_POINTER = 0 };
#endif

/* What is known of an address. To find the name of a function takes libdwfl a look at every symbol of its
 * file, and the threads of a process stand in few places. */
struct known_frames {
    Dwarf_Addr address; /* 0: the place is free */
    struct pf_frame *frames;
    size_t count;
};

struct pf_stacks {
    Dwfl *dwfl;
    pid_t pid;
    Dwfl_Module *interpreter; /* of Python; NULL: the process has none */
    struct pf_python_site python;
    Dwarf_Addr loader; /* where the dynamic loader was put; 0: there is none */
    bool loading;      /* the last stack that was read began in it */
    Dwarf_Addr stray;  /* the last address that no module was known for */
    uint64_t page;     /* live: the last page of its memory that was read; 0: none */
    uint64_t words[PAGE / sizeof(uint64_t)];
    struct pf_arena *arena; /* of what is known */
    struct known_frames known[KNOWN_FRAMES];
};

struct walk {
    struct pf_stacks *stacks;
    Dwfl *dwfl;
    Dwfl_Module *interpreter;
    struct pf_frame *python; /* what stands for the frames of the interpreter */
    size_t python_count;
    bool told; /* they are in the stack */
    struct pf_arena *arena;
    struct pf_frame *frames;
    size_t count;
    Dwarf_Addr stray; /* an address that no module is known for; 0: none */
};

/*
 * Finds the file behind a mapping. Its name is one of the target's mount namespace, so it is opened through
 * the target's root; what is not a file there (the vDSO) is libdwfl's business.
 */
static int find_elf(Dwfl_Module *module, void **user_data, const char *module_name, Dwarf_Addr base,
                    char **file_name, Elf **ret_elf)
{
    const struct pf_stacks *stacks = *user_data;
    if (stacks && module_name[0] == '/') {
        char path[4200];
        snprintf(path, sizeof(path), "/proc/%d/root%s", stacks->pid, module_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            *file_name = strdup(path);
            return fd;
        }
    }
    return dwfl_linux_proc_find_elf(module, user_data, module_name, base, file_name, ret_elf);
}

/*
 * What a file says of itself is enough. Separate debug files are those of system libraries, compressed:
 * reading libc's costs 80 ms a process and adds lines of code that the reader of a diagnosis did not write.
 */
static int find_no_debuginfo(Dwfl_Module *module, void **user_data, const char *module_name, Dwarf_Addr base,
                             const char *file_name, const char *link_name, GElf_Word crc, char **ret_name)
{
    (void)module;
    (void)user_data;
    (void)module_name;
    (void)base;
    (void)file_name;
    (void)link_name;
    (void)crc;
    (void)ret_name;
    return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_no_debuginfo};

static int set_user_data(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base,
                         void *stacks)
{
    (void)module;
    (void)name;
    (void)base;
    *user_data = stacks;
    return DWARF_CB_OK;
}

/* A thread is asked for by its number; there is no list to go through. */
static pid_t no_next_thread(Dwfl *dwfl, void *stacks, void **thread)
{
    (void)dwfl;
    (void)stacks;
    (void)thread;
    return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *stacks, void **ret_thread)
{
    (void)dwfl;
    (void)tid;
    *ret_thread = stacks;
    return true;
}

/* A stack is read word by word: a page at a time saves most of the calls. */
static bool read_word(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *context)
{
    struct pf_stacks *stacks = context;
    uint64_t page = address & ~(uint64_t)(PAGE - 1);
    (void)dwfl;
    if (address % sizeof(*ret_word) != 0)
        return pf_proc_memory(stacks->pid, address, ret_word, sizeof(*ret_word)) == 0;
    if (page != stacks->page) {
        stacks->page = 0;
        if (pf_proc_memory(stacks->pid, page, stacks->words, PAGE))
            return false;
        stacks->page = page;
    }
    *ret_word = stacks->words[(address - page) / sizeof(*ret_word)];
    return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
    const struct pf_stacks *stacks = context;
    struct pf_task_call call;
    if (!STACK_POINTER || pf_proc_call(stacks->pid, dwfl_thread_tid(thread), &call) ||
        call.state != PF_CALL_INSIDE)
        return false;
    Dwarf_Word stack = call.stack;
    dwfl_thread_state_register_pc(thread, call.instruction);
    return dwfl_thread_state_registers(thread, STACK_POINTER, 1, &stack);
}

static const Dwfl_Thread_Callbacks live_callbacks = {
    .next_thread = no_next_thread,
    .get_thread = get_thread,
    .memory_read = read_word,
    .set_initial_registers = set_registers,
};

/* Where the interpreter begins stands the program that it interprets. */
static void tell_python(struct walk *walk)
{
    for (size_t i = 0; !walk->told && i < walk->python_count && walk->count < MAX_FRAMES; i++)
        *(struct pf_frame *)pf_arena_grow(walk->arena, &walk->frames, &walk->count, sizeof(*walk->frames)) =
            walk->python[i];
    walk->told = true;
}

static const struct known_frames *know(struct pf_stacks *stacks, Dwfl_Module *module, Dwarf_Addr address)
{
    struct known_frames *known = &stacks->known[(address ^ address >> 8) % KNOWN_FRAMES];
    if (known->address != address) {
        known->address = address;
        known->count = pf_frames_at(module, address, stacks->arena, &known->frames);
    }
    return known;
}

static void add_known(struct walk *walk, Dwfl_Module *module, Dwarf_Addr address)
{
    const struct known_frames *known = know(walk->stacks, module, address);
    for (size_t i = 0; i < known->count && walk->count < MAX_FRAMES; i++) {
        struct pf_frame *frame = pf_arena_grow(walk->arena, &walk->frames, &walk->count, sizeof(*frame));
        *frame = known->frames[i];
        frame->module = pf_arena_strdup(walk->arena, frame->module);
        frame->function = pf_arena_strdup(walk->arena, frame->function);
        frame->file = pf_arena_strdup(walk->arena, frame->file);
    }
}

static bool is_loader(const struct pf_stacks *stacks, Dwfl_Module *module)
{
    Dwarf_Addr start;
    dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    return start == stacks->loader;
}

static int add_frame(Dwfl_Frame *state, void *context)
{
    struct walk *walk = context;
    Dwarf_Addr address;
    bool activation;
    if (!dwfl_frame_pc(state, &address, &activation))
        return DWARF_CB_ABORT;
    /* A return address may already belong to the next line, or function. */
    Dwarf_Addr inside = activation ? address : address - 1;
    Dwfl_Module *module = dwfl_addrmodule(walk->dwfl, inside);
    if (!module)
        walk->stray = inside;
    walk->stacks->loading = module && is_loader(walk->stacks, module);
    if (walk->python_count && module == walk->interpreter) {
        tell_python(walk);
        return walk->count < MAX_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
    }
    if (module)
        add_known(walk, module, inside);
    else
        pf_arena_grow(walk->arena, &walk->frames, &walk->count, sizeof(struct pf_frame));
    return walk->count < MAX_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
}

/* The kernel tells a program where it has put the dynamic loader. */
static Dwarf_Addr find_loader(pid_t pid)
{
    char path[64];
    Elf64_auxv_t entries[64];
    snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, entries, sizeof(entries));
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; size > 0 && i < (size_t)size / sizeof(entries[0]); i++)
        if (entries[i].a_type == AT_BASE)
            return entries[i].a_un.a_val;
    return 0;
}

static int find_python(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base,
                       void *context)
{
    struct pf_stacks *stacks = context;
    GElf_Addr bias;
    Elf *elf = name[0] == '/' ? dwfl_module_getelf(module, &bias) : NULL;
    (void)user_data;
    (void)base;
    if (!elf || !pf_python_find(elf, bias, &stacks->python))
        return DWARF_CB_OK;
    stacks->interpreter = module;
    return DWARF_CB_ABORT;
}

/* The modules of the process, nothing attached yet. */
static struct pf_stacks *report(pid_t pid)
{
    struct pf_stacks *stacks = calloc(1, sizeof(*stacks));
    if (!stacks)
        return NULL;
    stacks->pid = pid;
    stacks->arena = pf_arena_new();
    stacks->loader = find_loader(pid);
    stacks->dwfl = dwfl_begin(&callbacks);
    if (stacks->dwfl && dwfl_linux_proc_report(stacks->dwfl, pid) == 0 &&
        dwfl_report_end(stacks->dwfl, NULL, NULL) == 0 &&
        dwfl_getmodules(stacks->dwfl, set_user_data, stacks, 0) == 0) {
        dwfl_getmodules(stacks->dwfl, find_python, stacks, 0);
        return stacks;
    }
    pf_stacks_close(stacks);
    return NULL;
}

struct pf_stacks *pf_stacks_open(pid_t pid)
{
    struct pf_stacks *stacks = report(pid);
    if (!stacks || dwfl_linux_proc_attach(stacks->dwfl, pid, true) == 0)
        return stacks;
    pf_stacks_close(stacks);
    return NULL;
}

struct pf_stacks *pf_stacks_open_live(pid_t pid)
{
    struct pf_stacks *stacks = report(pid);
    if (!stacks || dwfl_attach_state(stacks->dwfl, NULL, pid, &live_callbacks, stacks))
        return stacks;
    pf_stacks_close(stacks);
    return NULL;
}

void pf_stacks_close(struct pf_stacks *stacks)
{
    if (!stacks)
        return;
    dwfl_end(stacks->dwfl);
    pf_arena_free(stacks->arena);
    free(stacks);
}

/* Learns what has been mapped since; what is known of a module is kept. */
static void look_again(struct pf_stacks *stacks)
{
    memset(stacks->known, 0, sizeof(stacks->known));
    dwfl_report_begin(stacks->dwfl);
    (void)dwfl_linux_proc_report(stacks->dwfl, stacks->pid);
    (void)dwfl_report_end(stacks->dwfl, NULL, NULL);
    (void)dwfl_getmodules(stacks->dwfl, set_user_data, stacks, 0);
    if (!stacks->interpreter)
        (void)dwfl_getmodules(stacks->dwfl, find_python, stacks, 0);
}

bool pf_stacks_loading(const struct pf_stacks *stacks)
{
    return stacks && stacks->loading;
}

static void walk_frames(struct pf_stacks *stacks, pid_t tid, struct pf_arena *arena, struct walk *walk)
{
    *walk = (struct walk){
        .stacks = stacks, .dwfl = stacks->dwfl, .interpreter = stacks->interpreter, .arena = arena};
    if (walk->interpreter)
        (void)pf_python_read(stacks->pid, &stacks->python, pf_proc_own_tid(stacks->pid, tid), MAX_FRAMES,
                             arena, &walk->python, &walk->python_count);
    /* The result tells of the outermost frames, which often cannot be unwound; what was found counts. */
    (void)dwfl_getthread_frames(walk->dwfl, tid, add_frame, walk);
    tell_python(walk);
}

int pf_stacks_read(struct pf_stacks *stacks, pid_t tid, struct pf_arena *arena, struct pf_frame **ret_frames,
                   size_t *ret_count)
{
    if (!stacks)
        return -ENODATA;
    struct walk walk;
    walk_frames(stacks, tid, arena, &walk);
    if (walk.stray && walk.stray != stacks->stray) {
        stacks->stray = walk.stray;
        look_again(stacks);
        walk_frames(stacks, tid, arena, &walk);
    }
    if (walk.count == 0)
        return -ENODATA;
    *ret_frames = walk.frames;
    *ret_count = walk.count;
    return 0;
}

void pf_stacks_locate(const struct pf_stacks *stacks, uint64_t address, struct pf_arena *arena,
                      struct pf_frame *ret_frame, uint64_t *ret_offset)
{
    Dwfl_Module *module = stacks ? dwfl_addrmodule(stacks->dwfl, address) : NULL;
    struct pf_frame frame = {0};
    Dwarf_Addr offset = address;
    if (module) {
        struct pf_frame *frames;
        (void)pf_frames_at(module, address, arena, &frames);
        frame = frames[0];
        (void)dwfl_module_relocate_address(module, &offset);
    }
    *ret_frame = frame;
    *ret_offset = offset;
}

void pf_stacks_handler(const struct pf_stacks *stacks, pid_t tid, struct pf_arena *arena,
                       struct pf_frame *ret_function, uint64_t *address)
{
    uint64_t offset;
    if (!stacks || !stacks->interpreter ||
        pf_python_handler(stacks->pid, &stacks->python, pf_proc_own_tid(stacks->pid, tid), arena,
                          ret_function, address))
        pf_stacks_locate(stacks, *address, arena, ret_function, &offset);
}
