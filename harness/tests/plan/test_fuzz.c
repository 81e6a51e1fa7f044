/* Whatever the input, a reader answers 0, or -EINVAL with one message that names the place. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "plan/plan.h"

enum { ROUNDS = 20000, LONGEST = 300, MANIFESTS = 3000 };

static const char *const seeds[] = {
    "write:error=EINTR:when=3..9+2:proc=0.*",
    "point=lock-held:hold=point=working@0.2:proc=0.1",
    "%file,?openat2,/^p?(read|write)(v2?)?$/:delay_enter=10ms:to=group:signal=SIGTERM",
    "after=100ms:kill:to=0.[1-3]",
    "start:limit=nofile:32:hold=read,write@0",
    "exit:signal=15:to=tree",
    "point=à-moitié:retval=0x10:kill",
    "!%file,none:short=3:fd=/etc/*:prob=.25:arg3>0x40:arg1!=-1",
    "all@0/t*:poke_enter=@arg1=00ff,@arg6=aa:poke_exit=@arg2=0d:delay_exit=1.5ms",
    "step=libq*.so.1:put+17/asleep:kill:when=2:hold=step=get+0@0.1",
    "read:syscall=getpid:error=EIO:stop=1s:to=sender:arg2&010:arg2<9:arg1==7",
};

/* Pieces that make a mutation more than noise. */
static const char *const pieces[] = {
    ":",      "=",     ",",        "@",   "..",
    "+",      "%",     "/",        "?",   "!",
    "[",      "(",     "*",        "-1",  "99999999999999999999",
    "when=",  "hold=", "error=",   "to=", "after=",
    "point=", "@arg",  "fd=",      "<",   ">",
    "arg2",   "prob=", "short=",   "0x",  "!",
    "all",    "\xff",  "\xe2\x82", "€",   "\x1b[0m",
    "\n",     " ",     "step=",    "+17", "/asleep",
};

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t below(uint64_t *state, size_t limit)
{
    return (size_t)(next(state) % limit);
}

static void mutate(char *text, uint64_t *random)
{
    size_t length = strlen(text), at = below(random, length + 1);
    const char *piece = pieces[below(random, sizeof(pieces) / sizeof(pieces[0]))];
    switch (below(random, 4)) {
    case 0:
        if (length + strlen(piece) < LONGEST) {
            memmove(text + at + strlen(piece), text + at, length - at + 1);
            memcpy(text + at, piece, strlen(piece));
        }
        break;
    case 1:
        text[at] = (char)below(random, 256); /* may well cut it there */
        break;
    case 2:
        if (at < length)
            memmove(text + at, text + at + 1, length - at);
        break;
    default:
        if (2 * length - at < LONGEST)
            memmove(text + length, text + at, length - at + 1);
        break;
    }
}

static size_t lines_of(const char *text)
{
    size_t lines = 1;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* An exact copy on the heap, so that a sanitizer sees one byte read too far. */
static void check(const char *text, struct pf_arena *arena, size_t *accepted)
{
    char *copy = strdup(text);
    struct pf_error error = {""};
    struct pf_fault fault;
    struct pf_limit limit;
    uint64_t ns;
    unsigned share;
    int result = pf_fault_parse(copy, arena, &fault, &error);
    cr_assert(result == 0 || result == -EINVAL);
    *accepted += result == 0;
    if (result < 0) {
        cr_assert_eq(lines_of(error.message), 3, "%s", error.message);
        cr_assert_not_null(strstr(error.message, "fault, column "));
        cr_assert_eq(error.message[strlen(error.message) - 1], '^', "%s", error.message);
    }
    pf_limit_parse(copy, arena, &limit, &error);
    pf_duration_parse(copy, &ns, &error);
    pf_share_parse(copy, &share, &error);
    free(copy);
}

Test(fuzz, no_spec_crashes_the_parser, .timeout = 120)
{
    uint64_t random = 0x9e3779b97f4a7c15;
    size_t accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct pf_arena *arena = pf_arena_new();
        char text[LONGEST + 2] = "";
        strcpy(text, seeds[below(&random, sizeof(seeds) / sizeof(seeds[0]))]);
        for (size_t edits = below(&random, 6); edits > 0; edits--) {
            mutate(text, &random);
            text[LONGEST] = '\0';
        }
        check(text, arena, &accepted);
        pf_arena_free(arena);
    }
    cr_assert_gt(accepted, ROUNDS / 20, "the mutations are not all nonsense: %zu accepted", accepted);
    cr_assert_lt(accepted, ROUNDS / 2, "nor are they all harmless: %zu accepted", accepted);
}

Test(fuzz, long_and_nested_input, .timeout = 30)
{
    static const char *const units[] = {"write,", "(", "/(a+)+", "hold=", "?",
                                        "%",      "[", "…",      ":kill", "\xf0"};
    size_t accepted = 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct pf_arena *arena = pf_arena_new();
        size_t length = strlen(units[i]), count = 20000;
        char *text = calloc(count + 20, length + 1);
        char *end = stpcpy(text, i % 2 ? "/" : "write:hold=");
        while (count-- > 0)
            end = stpcpy(end, units[i]);
        check(text, arena, &accepted);
        check(strchr(text, units[i][0]), arena, &accepted);
        free(text);
        pf_arena_free(arena);
    }
}

static const char manifest[] = "id: join-before-drain\n"
                               "order: 1\n"
                               "title: \"T\"\n"
                               "story: |\n"
                               "  First line.\n"
                               "sources:\n"
                               "  - title: pipe(7)\n"
                               "  - {title: a book, where: here}\n"
                               "tags: [pipe, &tag join, *tag]\n"
                               "limits: {nofile: 32, core: unlimited}\n"
                               "faults:\n"
                               "  - point=lock-held:hold=point=working@0.2\n"
                               "  - '%file:error=EMFILE:when=3'\n"
                               "deadline: 10s\n"
                               "variants:\n"
                               "  - name: broken\n"
                               "    expect:\n"
                               "      finding: limit,  lost\n"
                               "      diagnosis: fd-exhaustion\n"
                               "  - name: safe\n"
                               "    command: [sh, -c, \"{dir}\"]\n"
                               "    expect: {output: done, exit: any}\n";

/* Bytes changed, and pieces of the file copied over others. */
static void mutate_manifest(char *text, size_t length, uint64_t *random)
{
    size_t at = below(random, length), from = below(random, length), span = below(random, 12);
    if (from + span > length || at + span > length)
        return;
    if (below(random, 2))
        memmove(text + at, text + from, span);
    else
        text[at] = "\t-:[]{}&*|>%@`\"'#\xff\n "[below(random, 20)];
}

Test(fuzz, no_manifest_crashes_the_reader, .init = folder_make, .fini = folder_remove, .timeout = 120)
{
    uint64_t random = 88172645463325252ULL;
    size_t accepted = 0;
    for (int round = 0; round < MANIFESTS; round++) {
        char text[sizeof(manifest)];
        size_t length = sizeof(manifest) - 1;
        memcpy(text, manifest, sizeof(manifest));
        for (size_t edits = below(&random, 4); edits > 0; edits--)
            mutate_manifest(text, length, &random);
        if (round % 5 == 0)
            length = below(&random, length);
        folder_write("pitfall.yaml", text, length, 0644);
        struct pf_scenario *scenario = NULL;
        struct pf_error error = {""};
        int result = pf_scenario_read(folder, &scenario, &error);
        cr_assert(result == 0 || result == -EINVAL, "%d", result);
        cr_assert(result == 0 || strstr(error.message, "/pitfall.yaml:"), "%s", error.message);
        accepted += result == 0;
        pf_scenario_free(scenario);
    }
    cr_assert(accepted > MANIFESTS / 10 && accepted < MANIFESTS * 9 / 10, "%zu accepted", accepted);
}
