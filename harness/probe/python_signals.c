/*
 * CPython keeps the Python side of every signal's handler in one table, in 3.8 to 3.14 of this shape. Where
 * it stands no symbol tells, but hardly anything else looks like it: a word of zeros and ones for each
 * signal, each followed by the address of an object; those of the two signals that cannot be handled are one
 * and the same object, and those of the two signals of the C library are another one.
 */
#include "probe/python_signals.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "model/arena.h"
#include "probe/procfs.h"

enum {
    SIGNALS = 65,
    WORDS = SIGNALS * 2, /* of the table */
    CHUNK = 1 << 17,     /* words that are read at once */
    MOST = 1 << 23,      /* words that are looked through in one process */
};

struct search {
    pid_t pid;
    uint64_t *words; /* a chunk of its memory */
    size_t looked;   /* words so far */
};

static bool is_table(const uint64_t *words)
{
    enum { OF_LIBRARY = 32 };
    const uint64_t *object = words + 1;
    if (object[0] || object[2 * SIGKILL] != object[2 * SIGSTOP] ||
        object[2 * OF_LIBRARY] != object[2 * (OF_LIBRARY + 1)] ||
        object[2 * OF_LIBRARY] == object[2 * SIGKILL])
        return false;
    for (size_t i = 0; i < SIGNALS; i++)
        if (words[2 * i] > 1 || (i && (!object[2 * i] || object[2 * i] % sizeof(uint64_t))))
            return false;
    return true;
}

/* Looks for it between two addresses; 0: it is not there. */
static uint64_t find_between(struct search *search, uint64_t begin, uint64_t end)
{
    while (begin + WORDS * sizeof(uint64_t) <= end && search->looked < MOST) {
        size_t count = (end - begin) / sizeof(uint64_t) < CHUNK ? (end - begin) / sizeof(uint64_t) : CHUNK;
        if (pf_proc_memory(search->pid, begin, search->words, count * sizeof(uint64_t)))
            return 0;
        for (size_t i = 0; i + WORDS <= count; i++)
            if (is_table(search->words + i))
                return begin + i * sizeof(uint64_t);
        begin += (count - WORDS + 1) * sizeof(uint64_t);
        search->looked += count;
    }
    return 0;
}

/* The variables of the program and of its libraries: what is mapped from a file to be written to in private,
 * and what follows on it without a name. */
static uint64_t find_table(struct search *search, struct pf_arena *arena)
{
    char path[64], *text;
    uint64_t begin = 0, end = 0, found = 0;
    snprintf(path, sizeof(path), "/proc/%d/maps", search->pid);
    if (pf_proc_read_all(path, arena, &text))
        return 0;
    for (char *line = text; !found && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        uint64_t from, to, inode;
        char rights[5];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64, &from, &to, rights, &inode) < 4)
            return 0;
        bool variables = strcmp(rights, "rw-p") == 0;
        if (variables && from == end) {
            end = to;
            continue;
        }
        found = find_between(search, begin, end);
        begin = end = 0;
        if (variables && inode) {
            begin = from;
            end = to;
        }
    }
    return found ? found : find_between(search, begin, end);
}

static uint64_t word_at(pid_t pid, uint64_t address)
{
    uint64_t word;
    return pf_proc_memory(pid, address, &word, sizeof(word)) ? 0 : word;
}

static bool says(pid_t pid, uint64_t address, const char *text)
{
    char bytes[32] = "";
    size_t size = strlen(text) + 1;
    return size <= sizeof(bytes) && pf_proc_memory(pid, address, bytes, size) == 0 &&
           memcmp(bytes, text, size) == 0;
}

/* Text of Python has its characters behind a header, which is shorter since 3.12. */
static bool is_text(pid_t pid, uint64_t object, const char *text)
{
    enum { SHORT = 40, LONG = 48 };
    return object && (says(pid, object + SHORT, text) || says(pid, object + LONG, text));
}

/* A function in C has its description behind the head of every object, and that begins with its name. */
static bool raises_interrupt(pid_t pid, uint64_t object)
{
    uint64_t description = word_at(pid, object + 16);
    uint64_t name = description ? word_at(pid, description) : 0;
    return name && says(pid, name, "default_int_handler");
}

/* functools.partial(Runner._on_sigint, …): a partial has its callable there, and a bound method its function.
 */
static bool cancels_main_task(pid_t pid, uint64_t object)
{
    enum { QUALIFIED_NAME = 40, MODULE = 104 };
    uint64_t method = word_at(pid, object + 16), function = method ? word_at(pid, method + 16) : 0;
    return function && is_text(pid, word_at(pid, function + QUALIFIED_NAME), "Runner._on_sigint") &&
           is_text(pid, word_at(pid, function + MODULE), "asyncio.runners");
}

static bool is_table_at(pid_t pid, uint64_t address)
{
    uint64_t words[WORDS];
    return address && pf_proc_memory(pid, address, words, sizeof(words)) == 0 && is_table(words);
}

bool pf_python_interrupt_ends(pid_t pid, uint64_t *place)
{
    if (!is_table_at(pid, *place)) {
        struct pf_arena *arena = pf_arena_new();
        struct search search = {.pid = pid, .words = pf_arena_alloc(arena, CHUNK * sizeof(uint64_t))};
        *place = find_table(&search, arena);
        pf_arena_free(arena);
    }
    uint64_t handler = *place ? word_at(pid, *place + (2 * SIGINT + 1) * sizeof(uint64_t)) : 0;
    return handler && (raises_interrupt(pid, handler) || cancels_main_task(pid, handler));
}
