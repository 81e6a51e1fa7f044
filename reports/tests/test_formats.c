/* What every format must do, whatever it looks like. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sample.h"

TestSuite(formats, .timeout = 30);

static const struct pf_report_options options = {.title = "pitfall check", .show_output = true};

Test(formats, are_found_by_name)
{
    size_t count = 0;
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++, count++) {
        cr_expect_eq(pf_report_find(format->name), format);
        cr_expect_not_null(format->description);
    }
    cr_expect_eq(count, 11);
    cr_expect_null(pf_report_find("tex"));
    cr_expect_null(pf_report_find(""));
}

Test(formats, let_no_hostile_byte_through)
{
    struct pf_result *result = sample_result();
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++) {
        size_t size;
        char *text = sample_write(format->name, result, &options, &size);
        cr_expect_eq(strlen(text), size, "%s holds a zero byte", format->name);
        for (size_t i = 0; i < size; i++) {
            unsigned char byte = (unsigned char)text[i];
            cr_expect(byte == '\n' || (byte >= 0x20 && byte != 0x7f), "%s: byte %#x", format->name, byte);
        }
        cr_expect_null(strstr(text, "\xff"), "%s: broken UTF-8", format->name);
        cr_expect_null(strstr(text, "\xc2\x9b"), "%s: C1", format->name);
        cr_expect_null(strstr(text, "\xe2\x80\xae"), "%s: right-to-left override", format->name);
        cr_expect_not_null(strstr(text, "#end"), "%s: the rest of the text is there", format->name);
        free(text);
    }
    pf_result_free(result);
}

Test(formats, give_the_same_bytes_each_time)
{
    struct pf_result *result = sample_result();
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++) {
        char *first = sample_write(format->name, result, &options, NULL);
        char *second = sample_write(format->name, result, &options, NULL);
        cr_expect_str_eq(first, second);
        free(first);
        free(second);
    }
    pf_result_free(result);
}

Test(formats, cope_with_nothing)
{
    struct pf_result *result = pf_result_new();
    pf_result_finish(result);
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++) {
        char *text = sample_write(format->name, result, &options, NULL);
        cr_expect_gt(strlen(text), 0);
        free(text);
    }
    pf_result_free(result);
}

static void expect_error(const struct pf_result *result, int fd, int expected, const char *what)
{
    for (const struct pf_report_format *format = pf_report_formats; format->name; format++) {
        FILE *file = fdopen(dup(fd), "w");
        cr_assert_not_null(file);
        cr_expect_eq(format->write(result, &options, file), expected, "%s, %s", format->name, what);
        fclose(file);
    }
}

/* Small reports fail at the flush, large ones in the middle. */
Test(formats, say_that_the_disk_is_full)
{
    struct pf_result *small = sample_run(SAMPLE_DEADLOCK), *large = sample_repeats(500, 2);
    int fd = open("/dev/full", O_WRONLY);
    cr_assert_geq(fd, 0);
    expect_error(small, fd, -ENOSPC, "small");
    expect_error(large, fd, -ENOSPC, "large");
    close(fd);
    pf_result_free(small);
    pf_result_free(large);
}

Test(formats, say_that_the_reader_has_gone)
{
    signal(SIGPIPE, SIG_IGN);
    struct pf_result *small = sample_run(SAMPLE_DEADLOCK), *large = sample_repeats(500, 2);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    expect_error(small, ends[1], -EPIPE, "small");
    expect_error(large, ends[1], -EPIPE, "large");
    close(ends[1]);
    pf_result_free(small);
    pf_result_free(large);
}
