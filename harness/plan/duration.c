#include <string.h>

#include "plan/cursor.h"

static const struct unit {
    const char *name;
    uint64_t ns;
} units[] = {
    {"h", 3600ULL * 1000000000ULL},
    {"m", 60ULL * 1000000000ULL},
    {"s", 1000000000ULL},
    {"ms", 1000000ULL},
    {"us", 1000ULL},
    {"ns", 1ULL},
};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

static const struct unit *find_unit(struct pf_word word)
{
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (pf_word_is(word, units[i].name))
            return &units[i];
    return NULL;
}

int pf_cursor_duration(struct pf_cursor *cursor, const char *stops, uint64_t *ret_ns)
{
    struct pf_word word = pf_cursor_word(cursor, stops);
    struct pf_word digits = {.start = word.start, .length = strspn(word.start, "0123456789")};
    if (digits.length == 0)
        return pf_cursor_expected(cursor, word, NULL, "a time such as 250ms, 10s or 2m");
    struct pf_word name = {.start = word.start + digits.length, .length = word.length - digits.length};
    const struct unit *unit = find_unit(name);
    if (!unit)
        return pf_cursor_expected(cursor, name, NULL, "a unit (ns, us, ms, s, m or h)");
    uint64_t number, ns;
    if (!pf_word_number(digits, &number) || __builtin_mul_overflow(number, unit->ns, &ns) || ns > INT64_MAX)
        return pf_cursor_expected(cursor, word, NULL, "a time of less than 290 years");
    *ret_ns = ns;
    return 0;
}

/* The digits behind the point, as nanoseconds; what is less than one is cut off. */
static uint64_t fraction_ns(struct pf_word digits, uint64_t unit_ns)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < digits.length && unit_ns > 1; i++) {
        ns += unit_ns * (uint64_t)(digits.start[i] - '0') / 10;
        unit_ns /= 10;
    }
    return ns;
}

int pf_cursor_delay(struct pf_cursor *cursor, const char *stops, uint64_t *ret_ns)
{
    static const struct unit microseconds = {"us", 1000};
    static const char digits[] = "0123456789";
    struct pf_word word = pf_cursor_word(cursor, stops);
    struct pf_word whole = {.start = word.start, .length = strspn(word.start, digits)};
    const char *end = whole.start + whole.length;
    struct pf_word fraction = {.start = end};
    if (whole.length > 0 && *end == '.') {
        fraction = (struct pf_word){.start = end + 1, .length = strspn(end + 1, digits)};
        end = fraction.start + fraction.length;
    }
    if (whole.length == 0)
        return pf_cursor_expected(cursor, word, NULL, "a time such as 250ms, 1.5s, or 100 (microseconds),");
    struct pf_word name = {.start = end, .length = word.length - (size_t)(end - word.start)};
    const struct unit *unit = name.length == 0 ? &microseconds : find_unit(name);
    if (!unit)
        return pf_cursor_expected(cursor, name, NULL, "a unit (ns, us, ms, s, m or h)");
    uint64_t number, ns, rest = fraction_ns(fraction, unit->ns);
    if (!pf_word_number(whole, &number) || __builtin_mul_overflow(number, unit->ns, &ns) ||
        __builtin_add_overflow(ns, rest, &ns) || ns > INT64_MAX)
        return pf_cursor_expected(cursor, word, NULL, "a time of less than 290 years");
    *ret_ns = ns;
    return 0;
}

int pf_duration_parse(const char *text, uint64_t *ret_ns, struct pf_error *error)
{
    struct pf_cursor cursor = pf_cursor_new("duration", text, NULL, error);
    return pf_cursor_duration(&cursor, "", ret_ns);
}

const char *pf_duration_text(uint64_t ns, struct pf_arena *arena)
{
    size_t i = 0;
    while (i + 1 < UNIT_COUNT && (ns % units[i].ns != 0 || ns == 0))
        i++;
    return ns == 0 ? "0s"
                   : pf_arena_printf(arena, "%llu%s", (unsigned long long)(ns / units[i].ns), units[i].name);
}
