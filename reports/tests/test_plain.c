#include <criterion/criterion.h>
#include <string.h>

#include "reports/page.h"
#include "reports/plain.h"

static struct pf_arena *arena;

static void set_up(void)
{
    arena = pf_arena_new();
}

static void tear_down(void)
{
    pf_arena_free(arena);
}

TestSuite(plain, .init = set_up, .fini = tear_down, .timeout = 10);
TestSuite(prose, .init = set_up, .fini = tear_down, .timeout = 10);

Test(plain, honest_text_stays_as_it_is)
{
    const char *text = "tabs\tand\nlines, \xc3\xa9t\xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80";
    cr_assert_str_eq(pf_plain_text(arena, text), text);
}

Test(plain, hostile_bytes_are_shown_not_passed_on)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"\033[2J", "\\x1b[2J"},
        {"\r\x07\x7f", "\\r\\x07\\x7f"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"overlong \xc0\xaf \xe0\x80\xaf", "overlong \\xc0\\xaf \\xe0\\x80\\xaf"},
        {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
        {"beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
        {"c1 \xc2\x9b", "c1 \\u009b"},
        {"bidi \xe2\x80\xae", "bidi \\u202e"},
        {"nonchar \xef\xbf\xbe", "nonchar \\ufffe"},
        {"nonchar \xf0\x9f\xbf\xbf", "nonchar \\u1ffff"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(pf_plain_text(arena, cases[i].in), cases[i].out);
}

Test(plain, nothing_reads_as_empty)
{
    cr_assert_str_eq(pf_plain_text(arena, NULL), "");
    cr_assert_str_eq(pf_plain_line(arena, NULL), "");
}

Test(plain, a_line_has_no_line_breaks)
{
    cr_assert_str_eq(pf_plain_line(arena, "a\nb\tc"), "a\\nb\\tc");
}

Test(plain, the_longest_growth_fits)
{
    char worst[4097];
    memset(worst, 0xff, sizeof(worst) - 1);
    worst[sizeof(worst) - 1] = '\0';
    cr_assert_eq(strlen(pf_plain_text(arena, worst)), 4 * (sizeof(worst) - 1));
}

Test(plain, words_are_joined)
{
    const char *words[] = {"sh", "-c", "a\nb"};
    cr_assert_str_eq(pf_plain_words(arena, words, 3), "sh -c a\\nb");
    cr_assert_str_eq(pf_plain_words(arena, words, 0), "");
}

static char *wrapped(int width, int column, int indent, const char *text)
{
    char *out = NULL;
    size_t size;
    struct pf_page page = {
        .file = open_memstream(&out, &size), .arena = arena, .ink = pf_ink(false), .width = width};
    cr_assert_not_null(page.file);
    pf_page_prose(&page, column, indent, text);
    fclose(page.file);
    return out;
}

Test(prose, is_wrapped_to_the_width_and_hangs)
{
    char *out = wrapped(30, 5, 2, "one two three four five six seven eight nine");
    cr_assert_str_eq(out, "one two three four five\n  six seven eight nine\n");
    free(out);
}

Test(prose, fills_a_line_to_its_last_column)
{
    char *full = wrapped(30, 0, 0, "0123456789 0123456789 01234567 x");
    cr_expect_str_eq(full, "0123456789 0123456789 01234567\nx\n");
    free(full);
    char *over = wrapped(30, 0, 0, "0123456789 0123456789 012345678 x");
    cr_expect_str_eq(over, "0123456789 0123456789\n012345678 x\n");
    free(over);
}

Test(prose, keeps_paragraphs_and_lists_but_not_line_breaks)
{
    char *out = wrapped(60, 0, 0, "\n\none\ntwo\n\n\nthree\n- a\n- b\n\n");
    cr_assert_str_eq(out, "one two\n\nthree\n- a\n- b\n");
    free(out);
}

Test(prose, a_word_that_is_too_long_is_not_cut)
{
    char *out = wrapped(26, 0, 2, "see /a/very/long/path/that/does/not/fit/anywhere now");
    cr_assert_str_eq(out, "see\n  /a/very/long/path/that/does/not/fit/anywhere\n  now\n");
    free(out);
}

Test(prose, counts_characters_not_bytes)
{
    char *out = wrapped(
        26, 0, 0,
        "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 0123456789 end");
    cr_assert_str_eq(
        out,
        "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 0123456789 end\n");
    free(out);
}
