#include "probe/python_objects.h"

#include <stdio.h>
#include <string.h>

#include "probe/procfs.h"

enum { TEXT_MAX = 1024, LINES_MAX = 256 * 1024 };

/* Bits of the state of a text. */
enum { KIND_SHIFT = 2, KIND_MASK = 7, COMPACT = 1 << 5, ASCII = 1 << 6 };

bool pf_python_word(const struct pf_python_reader *reader, uint64_t address, uint64_t *ret_word)
{
    return address % 8 == 0 && pf_proc_memory(reader->pid, address, ret_word, sizeof(*ret_word)) == 0;
}

bool pf_python_is(const struct pf_python_reader *reader, uint64_t object, uint64_t type)
{
    uint64_t own;
    return object && pf_python_word(reader, object + reader->layout.object.type, &own) && own == type;
}

static size_t put_utf8(uint32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    bool surrogate = character >= 0xd800 && character < 0xe000;
    if (surrogate || character > 0x10ffff) {
        out[0] = '?'; /* how Python keeps bytes of a file name that are no UTF-8 */
        return 1;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

/* A text of at most TEXT_MAX characters; NULL: it is none. */
static const char *read_text(const struct pf_python_reader *reader, uint64_t object)
{
    const struct pf_python_layout *layout = &reader->layout;
    uint64_t length;
    uint32_t state;
    if (!pf_python_is(reader, object, reader->site->text_type) ||
        !pf_python_word(reader, object + layout->object.length, &length) || length > TEXT_MAX ||
        pf_proc_memory(reader->pid, object + layout->object.state, &state, sizeof(state)) ||
        !(state & COMPACT))
        return NULL;
    size_t width = state >> KIND_SHIFT & KIND_MASK;
    unsigned char raw[TEXT_MAX * 4];
    char out[TEXT_MAX * 4 + 1];
    uint64_t begin = object + (state & ASCII ? layout->object.ascii : layout->object.compact);
    if ((width != 1 && width != 2 && width != 4) ||
        (length && pf_proc_memory(reader->pid, begin, raw, length * width)))
        return NULL;
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t character = 0;
        memcpy(&character, raw + i * width, width);
        used += put_utf8(character, out + used);
    }
    return pf_arena_strndup(reader->arena, out, used);
}

/* A number of groups of 6 bits, the lowest first; -1: the table ends in it. */
static int64_t read_number(const unsigned char *table, size_t size, size_t *at)
{
    enum { MORE = 0x40, BITS = 6, MOST = 30 };
    int64_t number = 0;
    for (unsigned shift = 0; *at < size && shift <= MOST; shift += BITS) {
        unsigned char byte = table[(*at)++];
        number |= (int64_t)(byte & (MORE - 1)) << shift;
        if (!(byte & MORE))
            return number;
    }
    return -1;
}

static bool read_signed(const unsigned char *table, size_t size, size_t *at, int64_t *ret_number)
{
    int64_t number = read_number(table, size, at);
    *ret_number = number & 1 ? -(number >> 1) : number >> 1;
    return number >= 0;
}

uint64_t pf_python_line(const unsigned char *table, size_t size, uint64_t first_line, uint64_t offset)
{
    enum { BEGIN = 0x80, ONE_LINE_0 = 10, NO_COLUMNS = 13, LONG = 14, NONE = 15, UNIT_BYTES = 2 };
    int64_t line = (int64_t)first_line;
    uint64_t end = 0;
    for (size_t at = 0; at < size;) {
        unsigned char head = table[at++];
        unsigned kind = head >> 3 & 15;
        int64_t delta = kind >= ONE_LINE_0 && kind < NO_COLUMNS ? (int64_t)kind - ONE_LINE_0 : 0;
        if (!(head & BEGIN) ||
            ((kind == LONG || kind == NO_COLUMNS) && !read_signed(table, size, &at, &delta)))
            return 0;
        line += delta;
        end += ((head & 7) + 1u) * UNIT_BYTES;
        if (offset < end)
            return kind == NONE || line <= 0 ? 0 : (uint64_t)line;
        while (at < size && !(table[at] & BEGIN))
            at++; /* columns */
    }
    return 0;
}

static uint64_t read_line(const struct pf_python_reader *reader, uint64_t code, uint64_t first_line,
                          uint64_t instruction)
{
    const struct pf_python_layout *layout = &reader->layout;
    uint64_t begin = code + layout->code.instructions, table, size;
    if (instruction < begin)
        return first_line; /* it has not begun */
    if (!pf_python_word(reader, code + layout->code.lines, &table) ||
        !pf_python_is(reader, table, reader->site->bytes_type) ||
        !pf_python_word(reader, table + layout->object.size, &size) || size == 0 || size > LINES_MAX)
        return 0;
    unsigned char *bytes = pf_arena_alloc(reader->arena, size);
    if (pf_proc_memory(reader->pid, table + layout->object.bytes, bytes, size))
        return 0;
    return pf_python_line(bytes, size, first_line, instruction - begin);
}

/* The library that comes with Python is where threads wait, as the C library is: its own name stands for it.
 */
static bool is_library(const struct pf_python_reader *reader, const char *file)
{
    char folder[32];
    snprintf(folder, sizeof(folder), "/lib/python%u.%u/", reader->layout.major, reader->layout.minor);
    return strncmp(file, "<frozen ", 8) == 0 ||
           (strstr(file, folder) && !strstr(file, "/site-packages/") && !strstr(file, "/dist-packages/"));
}

bool pf_python_describe(const struct pf_python_reader *reader, uint64_t code, uint64_t instruction,
                        struct pf_frame *frame)
{
    const struct pf_python_layout *layout = &reader->layout;
    uint64_t file, name;
    int32_t first_line;
    if (!pf_python_word(reader, code + layout->code.file, &file) ||
        !pf_python_word(reader, code + layout->code.qualified_name, &name) ||
        pf_proc_memory(reader->pid, code + layout->code.first_line, &first_line, sizeof(first_line)) ||
        first_line < 0)
        return false;
    frame->file = read_text(reader, file);
    frame->function = read_text(reader, name);
    if (!frame->file || !frame->function)
        return false;
    frame->line = read_line(reader, code, (uint64_t)first_line, instruction);
    if (is_library(reader, frame->file))
        frame->module = pf_arena_printf(reader->arena, "python%u.%u", layout->major, layout->minor);
    return true;
}
