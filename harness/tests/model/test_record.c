/* The table-driven codec: what is written, what is left out, what is refused and with which words. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "model/pack.h"

enum colour { RED, GREEN };

static const char *const colour_names[] = {"red", "green"};
static const struct pf_names colours = PF_NAMES(colour_names);

struct inner {
    uint64_t n;
};

static const struct pf_field inner_fields[] = {PF_VALUE(struct inner, UINT, n, PF_ALWAYS)};
static const struct pf_record inner_record = PF_RECORD(struct inner, inner_fields);

struct outer {
    bool flag;
    int64_t whole;
    uint64_t natural;
    double real;
    enum colour colour;
    const char *text;
    const char *name;
    const char **words;
    size_t word_count;
    uint64_t *numbers;
    size_t number_count;
    struct inner *pointed;
    struct inner within;
    struct inner *list;
    size_t list_count;
};

static const struct pf_field outer_fields[] = {
    PF_VALUE(struct outer, BOOL, flag),
    PF_VALUE(struct outer, INT, whole),
    PF_VALUE(struct outer, UINT, natural),
    PF_VALUE(struct outer, REAL, real),
    PF_ENUM(struct outer, colour, colours),
    PF_VALUE(struct outer, STRING, text),
    PF_NAMED(struct outer, STRING, "called", name, PF_NEEDED),
    PF_ARRAY(struct outer, STRINGS, words, word_count),
    PF_ARRAY(struct outer, UINTS, numbers, number_count),
    PF_VALUE(struct outer, RECORD, pointed, .record = &inner_record),
    PF_VALUE(struct outer, INLINE, within, .record = &inner_record),
    PF_ARRAY(struct outer, RECORDS, list, list_count, .record = &inner_record),
};
static const struct pf_record outer_record = PF_RECORD(struct outer, outer_fields);

static struct pf_arena *arena;

static void open_arena(void)
{
    arena = pf_arena_new();
}

static void close_arena(void)
{
    pf_arena_free(arena);
}

TestSuite(record, .init = open_arena, .fini = close_arena, .timeout = 10);

static void expect_text(const struct outer *value, const char *expected)
{
    json_t *json = pf_record_to_json(&outer_record, value);
    char *text = json_dumps(json, JSON_COMPACT);
    cr_expect_str_eq(text, expected);
    free(text);
    json_decref(json);
}

static int read_text(const char *text, struct outer *ret_value, struct pf_error *error)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(json, "%s", text);
    int r = pf_record_read(&outer_record, json, arena, ret_value, error);
    json_decref(json);
    return r;
}

Test(record, zero_values_are_left_out)
{
    expect_text(&(struct outer){.name = "n"}, "{\"called\":\"n\",\"within\":{\"n\":0}}");
}

static const char whole[] = "{\"flag\":true,\"whole\":-5,\"natural\":7,\"real\":0.5,\"colour\":\"green\","
                            "\"text\":\"t\",\"called\":\"n\",\"words\":[\"a\",\"b\"],\"numbers\":[1,2],"
                            "\"pointed\":{\"n\":3},\"within\":{\"n\":4},\"list\":[{\"n\":5},{\"n\":6}]}";

Test(record, every_type_goes_out_and_comes_back)
{
    struct outer value;
    struct pf_error error;
    cr_assert_eq(read_text(whole, &value, &error), 0, "%s", error.message);
    cr_expect_eq(value.whole, -5);
    cr_expect_eq(value.colour, GREEN);
    cr_expect_eq(value.word_count, 2);
    cr_expect_str_eq(value.words[1], "b");
    cr_expect_eq(value.numbers[1], 2);
    cr_expect_eq(value.pointed->n, 3);
    cr_expect_eq(value.within.n, 4);
    cr_expect_eq(value.list[1].n, 6);
    expect_text(&value, whole);
}

Test(record, the_largest_numbers_survive)
{
    struct outer value = {.name = "n", .natural = UINT64_MAX, .whole = INT64_MIN}, back;
    struct pf_error error;
    json_t *json = pf_record_to_json(&outer_record, &value);
    cr_assert_eq(pf_record_read(&outer_record, json, arena, &back, &error), 0);
    json_decref(json);
    cr_expect_eq(back.natural, UINT64_MAX);
    cr_expect_eq(back.whole, INT64_MIN);
}

Test(record, reading_replaces_what_was_there)
{
    struct outer value = {.whole = 9, .text = "old"};
    struct pf_error error;
    cr_assert_eq(read_text("{\"called\":\"n\",\"within\":{\"n\":0},\"text\":null}", &value, &error), 0);
    cr_expect_eq(value.whole, 0);
    cr_expect_null(value.text);
}

Test(record, keys_of_a_newer_writer_are_ignored)
{
    struct outer value;
    struct pf_error error;
    cr_expect_eq(read_text("{\"called\":\"n\",\"within\":{\"n\":1,\"new\":[]},\"newer\":{}}", &value, &error),
                 0);
}

Test(record, bytes_that_are_not_utf8_are_kept_as_latin1)
{
    struct outer value = {.name = "caf\xe9"};
    json_t *json = pf_record_to_json(&outer_record, &value);
    cr_expect_str_eq(json_string_value(json_object_get(json, "called")), "caf\xc3\xa9");
    json_decref(json);
}

Test(record, a_wrong_type_is_refused_with_its_path)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"[]", "expected a JSON object"},
        {"{}", "\"called\" must be present"},
        {"{\"called\":null,\"within\":{\"n\":0}}", "\"called\" must be a string"},
        {"{\"called\":1}", "\"called\" must be a string"},
        {"{\"called\":\"n\",\"flag\":1}", "\"flag\" must be true or false"},
        {"{\"called\":\"n\",\"whole\":1.5}", "\"whole\" must be a whole number"},
        {"{\"called\":\"n\",\"natural\":\"1\"}", "\"natural\" must be a whole number"},
        {"{\"called\":\"n\",\"real\":true}", "\"real\" must be a number"},
        {"{\"called\":\"n\",\"colour\":\"blue\"}", "\"colour\" must be one of the names this version knows"},
        {"{\"called\":\"n\",\"colour\":1}", "\"colour\" must be one of the names this version knows"},
        {"{\"called\":\"n\",\"words\":\"a\"}", "\"words\" must be an array"},
        {"{\"called\":\"n\",\"words\":[\"a\",2]}", "\"words[1]\" must be a string"},
        {"{\"called\":\"n\",\"numbers\":[null]}", "\"numbers[0]\" must be a whole number"},
        {"{\"called\":\"n\",\"pointed\":[]}", "\"pointed\" must be an object"},
        {"{\"called\":\"n\",\"within\":null}", "\"within\" must be an object"},
        {"{\"called\":\"n\",\"within\":{}}", "\"within.n\" must be present"},
        {"{\"called\":\"n\",\"within\":{\"n\":0},\"list\":[{\"n\":1},{\"n\":\"x\"}]}",
         "\"list[1].n\" must be a whole number"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct outer value;
        struct pf_error error = {""};
        cr_expect_eq(read_text(bad[i].text, &value, &error), -EINVAL, "%s", bad[i].text);
        cr_expect_str_eq(error.message, bad[i].message, "%s: %s", bad[i].text, error.message);
    }
}

Test(record, names_are_found_and_unknown_values_are_no_crash)
{
    cr_expect_str_eq(pf_names_get(&colours, GREEN), "green");
    cr_expect_str_eq(pf_names_get(&colours, 2), "?");
    cr_expect_str_eq(pf_names_get(&colours, -1), "?");
    cr_expect_eq(pf_names_find(&colours, "red"), RED);
    cr_expect_eq(pf_names_find(&colours, "blue"), -1);
}

Test(record, an_array_grows_one_by_one_and_keeps_what_it_had)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    for (uint64_t i = 0; i < 1000; i++)
        *(uint64_t *)pf_arena_grow(arena, &numbers, &count, sizeof(*numbers)) = i;
    cr_assert_eq(count, 1000);
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert_eq(numbers[i], i);
}

Test(record, the_arena_gives_zeroed_and_aligned_memory_of_any_size)
{
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        char *memory = pf_arena_alloc(arena, size);
        cr_assert_eq((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(memory[i], 0);
        memset(memory, 0xff, size);
    }
    cr_assert_null(pf_arena_strdup(arena, NULL));
    cr_assert_str_eq(pf_arena_strndup(arena, "abcdef", 3), "abc");
    cr_assert_str_eq(pf_arena_printf(arena, "%d-%s", 4, "x"), "4-x");
    pf_arena_free(NULL);
}

Test(record, bytes_bring_back_what_was_packed_and_are_refused_when_cut)
{
    struct outer value, back;
    struct pf_error error;
    struct pf_packed packed = {0};
    cr_assert_eq(read_text(whole, &value, &error), 0, "%s", error.message);
    value.name = NULL;
    value.text = "\xff is no UTF-8";
    pf_pack(&inner_record, &(struct inner){.n = 8}, &packed);
    pf_pack(&outer_record, &value, &packed);
    const unsigned char *at = packed.bytes, *end = packed.bytes + packed.size;
    struct inner first;
    cr_assert_eq(pf_unpack(&inner_record, &at, end, arena, &first), 0);
    cr_expect_eq(first.n, 8);
    const unsigned char *second = at;
    cr_assert_eq(pf_unpack(&outer_record, &at, end, arena, &back), 0);
    cr_expect_eq(at, end);
    cr_expect_null(back.name);
    cr_expect_str_eq(back.text, "\xff is no UTF-8");
    back.name = "n";
    back.text = "t";
    expect_text(&back, whole);
    for (size_t cut = 0; second + cut < end; cut++) {
        at = second;
        cr_assert_eq(pf_unpack(&outer_record, &at, second + cut, arena, &back), -EBADMSG, "%zu", cut);
    }
    free(packed.bytes);
}

Test(record, a_copy_has_all_for_itself)
{
    struct outer *value = calloc(1, sizeof(*value)), copy;
    struct pf_error error;
    cr_assert_eq(read_text(whole, value, &error), 0, "%s", error.message);
    struct pf_arena *other = pf_arena_new();
    pf_record_copy(&outer_record, value, other, &copy);
    free(value);
    close_arena();
    expect_text(&copy, whole);
    arena = other;
}
