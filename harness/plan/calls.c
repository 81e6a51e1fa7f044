#include "plan/calls.h"

#include <errno.h>
#include <regex.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

enum {
    CALL_LIMIT = 1024, /* above every number of a native 64-bit interface */
    NAME_LENGTH = 64,  /* no system call has a longer name */
    REGEX_LENGTH = 40, /* glibc expands nested repetitions: a short one stays small */
};

#define EXPECTED_CALL                                                                                        \
    "a system call, %set, /regex, all, point=NAME, start, exit, after=TIME or step=FUNCTION+N"
#define REGEX_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_^$.*+?|()[]-"

struct calls {
    bool has[CALL_LIMIT];
};

/* The number of a call on this machine, or negative: unknown, or (below -1) known on other machines only. */
static int number_of(struct pf_word word)
{
    char name[NAME_LENGTH];
    if (word.length >= sizeof(name))
        return -1;
    memcpy(name, word.start, word.length);
    name[word.length] = '\0';
    int number = seccomp_syscall_resolve_name(name);
    return number < CALL_LIMIT ? number : -1;
}

static const char *suggest(struct pf_word word, const char *const *also, struct pf_arena *arena)
{
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    for (; *also; also++)
        pf_nearest_offer(&nearest, *also);
    for (size_t i = 0; i < pf_call_set_count; i++)
        pf_nearest_offer(&nearest, pf_call_sets[i].name);
    for (int number = 0; number < CALL_LIMIT; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (name)
            pf_nearest_offer(&nearest, pf_arena_strdup(arena, name));
        free(name);
    }
    return nearest.best;
}

/* "file" for "%file", as strace(1) still allows for the sets that it had before it knew the "%". */
static bool is_set(struct pf_word word, const char *name)
{
    static const char *const bare[] = {"desc", "file",    "ipc",     "memory",
                                       "net",  "network", "process", "signal"};
    if (pf_word_is(word, name))
        return true;
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
        if (pf_word_is(word, bare[i]) && strcmp(name + 1, bare[i]) == 0)
            return true;
    return false;
}

static int add_set(struct pf_word word, struct calls *calls)
{
    for (size_t i = 0; i < pf_call_set_count; i++) {
        if (!is_set(word, pf_call_sets[i].name))
            continue;
        for (const char *at = pf_call_sets[i].calls; *at; at += strspn(at, " ")) {
            struct pf_word name = {.start = at, .length = strcspn(at, " ")};
            int number = number_of(name);
            if (number >= 0)
                calls->has[number] = true;
            at += name.length;
        }
        return 0;
    }
    return -ENOENT;
}

static bool is_known(int number)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    free(name);
    return name != NULL;
}

static int add_name(struct pf_word word, struct calls *calls)
{
    if (pf_word_is(word, "none"))
        return 0;
    if (pf_word_is(word, "all")) {
        for (int i = 0; i < CALL_LIMIT; i++)
            calls->has[i] = is_known(i);
        return 0;
    }
    int number = number_of(word);
    if (number < 0)
        return -ENOENT;
    calls->has[number] = true;
    return 0;
}

static bool add_matching(const regex_t *regex, struct calls *calls)
{
    bool any = false;
    for (int number = 0; number < CALL_LIMIT; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (name && regexec(regex, name, 0, NULL, 0) == 0)
            any = calls->has[number] = true;
        free(name);
    }
    return any;
}

/* "/regex" or "/regex/", the cursor being behind the first slash. */
static int read_regex(struct pf_cursor *cursor, bool optional, struct calls *calls)
{
    struct pf_word word = {.start = cursor->at, .length = strspn(cursor->at, REGEX_LETTERS)};
    cursor->at += word.length;
    if (word.length == 0 || !strchr("/,:@", *cursor->at))
        return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                  "a regular expression of letters, digits and _ ^ $ . * + ? | ( ) [ ] -");
    if (word.length > REGEX_LENGTH)
        return pf_cursor_refuse(cursor, word.start, "a regular expression may have %d characters",
                                REGEX_LENGTH);
    pf_cursor_take(cursor, '/');

    char pattern[REGEX_LENGTH + 1] = "";
    memcpy(pattern, word.start, word.length);
    regex_t regex;
    int failure = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (failure != 0) {
        char reason[64];
        regerror(failure, &regex, reason, sizeof(reason));
        return pf_cursor_refuse(cursor, word.start, "malformed regular expression: %s", reason);
    }
    bool any = add_matching(&regex, calls);
    regfree(&regex);
    return any || optional ? 0 : pf_cursor_refuse(cursor, word.start, "no system call matches /%s/", pattern);
}

static int read_item(struct pf_cursor *cursor, const char *const *also, struct calls *calls)
{
    bool optional = pf_cursor_take(cursor, '?');
    if (pf_cursor_take(cursor, '/'))
        return read_regex(cursor, optional, calls);
    struct pf_word word = pf_cursor_word(cursor, ",:@=");
    if (add_set(word, calls) == 0 || add_name(word, calls) == 0 || (optional && word.length > 0))
        return 0;
    if (word.length > 0 && word.start[0] == '!')
        return pf_cursor_refuse(cursor, word.start, "\"!\" stands before the whole set: !read,write");
    if (number_of(word) < -1)
        return pf_cursor_refuse(cursor, word.start,
                                "%.*s is a system call of other machines, this one lacks it",
                                (int)word.length, word.start);
    return pf_cursor_expected(cursor, word, suggest(word, also, cursor->arena), EXPECTED_CALL);
}

int pf_cursor_calls(struct pf_cursor *cursor, const char *const *also, int **ret_calls, size_t *ret_count)
{
    struct calls calls = {0};
    const char *start = cursor->at;
    bool others = pf_cursor_take(cursor, '!');
    do {
        int result = read_item(cursor, also, &calls);
        if (result < 0)
            return result;
    } while (pf_cursor_take(cursor, ','));

    int *numbers = NULL;
    size_t count = 0;
    for (int number = 0; number < CALL_LIMIT; number++)
        if (calls.has[number] != (others && is_known(number)))
            *(int *)pf_arena_grow(cursor->arena, &numbers, &count, sizeof(*numbers)) = number;
    if (count == 0)
        return pf_cursor_refuse(cursor, start, "this names no system call of this machine");
    *ret_calls = numbers;
    *ret_count = count;
    return 0;
}

int pf_cursor_pure_call(struct pf_cursor *cursor, int64_t *ret_call)
{
    static const struct pf_word pure = {.start = "%pure", .length = 5};
    struct pf_word word = pf_cursor_word(cursor, ":");
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    struct calls calls = {0};
    add_set(pure, &calls);
    int number = number_of(word);
    if (number >= 0 && calls.has[number]) {
        *ret_call = number;
        return 0;
    }
    for (int i = 0; i < CALL_LIMIT; i++) {
        char *name = calls.has[i] ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i) : NULL;
        if (name)
            pf_nearest_offer(&nearest, pf_arena_strdup(cursor->arena, name));
        free(name);
    }
    return pf_cursor_expected(cursor, word, nearest.best,
                              "a call of the set %pure, which does nothing (getpid, getuid, …),");
}
