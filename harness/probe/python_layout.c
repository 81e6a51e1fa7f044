#include "probe/python_layout.h"

#include <string.h>

#include "probe/procfs.h"

/* Of 64-bit machines. The headers of each version say so; they have not moved within a minor version. */
static const struct pf_python_layout layouts[] = {
    {
        .major = 3,
        .minor = 11,
        .runtime = {.interpreters = 40},
        .interpreter = {.next = 0, .threads = 16},
        .thread = {.next = 8, .interpreter = 16, .native_id = 160, .frame = 56, .held = true, .holder = 8},
        .frame = {.code = 32, .instruction = 56, .previous = 48, .owner = 69, .locals = 72},
        .code = {.file = 112, .qualified_name = 128, .lines = 136, .first_line = 72, .instructions = 184},
        .object = {.type = 8, .size = 16, .bytes = 32, .length = 16, .state = 32, .ascii = 48, .compact = 72},
    },
    {
        .major = 3,
        .minor = 12,
        .runtime = {.interpreters = 40},
        .interpreter = {.next = 0, .threads = 72},
        .thread = {.next = 8, .interpreter = 16, .native_id = 144, .frame = 56, .held = true, .holder = 0},
        .frame = {.code = 0, .instruction = 56, .previous = 8, .owner = 70, .locals = 72},
        .code = {.file = 112, .qualified_name = 128, .lines = 136, .first_line = 68, .instructions = 192},
        .object = {.type = 8, .size = 16, .bytes = 32, .length = 16, .state = 32, .ascii = 40, .compact = 56},
    },
};

/* 3.13 begins its runtime with a table of its own layout: _Py_DebugOffsets. */
struct table_3_13 {
    char cookie[8];
    uint64_t version, free_threaded;
    struct {
        uint64_t size, finalizing, interpreters_head;
    } runtime;
    struct {
        uint64_t size, id, next, threads_head, others[9];
    } interpreter;
    struct {
        uint64_t size, prev, next, interp, current_frame, thread_id, native_thread_id, others[2];
    } thread;
    struct {
        uint64_t size, previous, executable, instr_ptr, localsplus, owner;
    } frame;
    struct {
        uint64_t size, filename, name, qualname, linetable, firstlineno, others[3], co_code_adaptive;
    } code;
    struct {
        uint64_t size, ob_type;
    } object;
    uint64_t types[4], tuples[3], lists[3], dicts[3], floats[2], longs[3];
    struct {
        uint64_t size, ob_size, ob_sval;
    } bytes;
    struct {
        uint64_t size, state, length, asciiobject_size;
    } text;
};

/* A distance within an object, and not a number that means something else. */
static bool are_distances(const uint64_t *numbers, size_t count)
{
    static const uint64_t FAR = 1 << 20;
    for (size_t i = 0; i < count; i++)
        if (numbers[i] > FAR)
            return false;
    return true;
}

static bool layout_3_13(pid_t pid, const struct pf_python_site *site, struct pf_python_layout *ret_layout)
{
    /* Behind the fields of PyASCIIObject a compact text has two more of 8 bytes. */
    enum { COMPACT_MORE = 16 };
    struct table_3_13 table;
    if (pf_proc_memory(pid, site->runtime, &table, sizeof(table)) ||
        memcmp(table.cookie, "xdebugpy", 8) != 0 || table.version >> 16 != 0x030d ||
        table.free_threaded != 0 ||
        !are_distances(&table.runtime.size, (sizeof(table) - offsetof(struct table_3_13, runtime)) / 8))
        return false;
    *ret_layout = (struct pf_python_layout){
        .major = 3,
        .minor = 13,
        .runtime = {.interpreters = table.runtime.interpreters_head},
        .interpreter = {.next = table.interpreter.next, .threads = table.interpreter.threads_head},
        .thread = {.next = table.thread.next,
                   .interpreter = table.thread.interp,
                   .native_id = table.thread.native_thread_id,
                   .frame = table.thread.current_frame},
        .frame = {.code = table.frame.executable,
                  .instruction = table.frame.instr_ptr,
                  .previous = table.frame.previous,
                  .owner = table.frame.owner,
                  .locals = table.frame.localsplus},
        .code = {.file = table.code.filename,
                 .qualified_name = table.code.qualname,
                 .lines = table.code.linetable,
                 .first_line = table.code.firstlineno,
                 .instructions = table.code.co_code_adaptive},
        .object = {.type = table.object.ob_type,
                   .size = table.bytes.ob_size,
                   .bytes = table.bytes.ob_sval,
                   .length = table.text.length,
                   .state = table.text.state,
                   .ascii = table.text.asciiobject_size,
                   .compact = table.text.asciiobject_size + COMPACT_MORE},
    };
    return true;
}

bool pf_python_layout(pid_t pid, const struct pf_python_site *site, struct pf_python_layout *ret_layout)
{
    enum { FINAL = 0xf }; /* the level of a release: what comes before it may differ */
    uint64_t version;
    if (sizeof(void *) != 8 || pf_proc_memory(pid, site->version, &version, sizeof(version)) ||
        (version >> 4 & 0xf) != FINAL)
        return false;
    unsigned major = (unsigned)(version >> 24 & 0xff), minor = (unsigned)(version >> 16 & 0xff);
    if (version >> 32 == 0 && major == 3 && minor == 13)
        return layout_3_13(pid, site, ret_layout);
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (version >> 32 == 0 && layouts[i].major == major && layouts[i].minor == minor) {
            *ret_layout = layouts[i];
            return true;
        }
    return false;
}
