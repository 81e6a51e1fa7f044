/* Frames of CPython: line tables, a thread that was made by hand in this process, and the same with anything
 * in it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/python.h"
#include "probe/python_objects.h"

/*
 * The table of this function, as CPython 3.11 makes it:
 *
 *     def f(a,
 *           b):
 *         x = (a +
 *              b)
 *         for i in range(3):
 *             if i:
 *                 x += i
 *
 *
 *
 *         return [
 *             y for y in (x,
 *                         a)]
 */
static const unsigned char table[] = {
    0x80, 0x00, 0xe0, 0x09, 0x0a, 0xd8, 0x09, 0x0a, 0xf1, 0x03, 0x01, 0x0a, 0x0b, 0x80, 0x41, 0xe5,
    0x0d, 0x12, 0x90, 0x31, 0x89, 0x58, 0x8c, 0x58, 0xf0, 0x00, 0x02, 0x05, 0x13, 0xf0, 0x00, 0x02,
    0x05, 0x13, 0x88, 0x01, 0xd8, 0x0b, 0x0c, 0xf0, 0x00, 0x01, 0x09, 0x13, 0xd8, 0x0c, 0x0d, 0x90,
    0x11, 0x89, 0x46, 0x88, 0x41, 0xf8, 0xf0, 0x08, 0x02, 0x0c, 0x18, 0xf0, 0x00, 0x02, 0x0c, 0x18,
    0xd8, 0x14, 0x15, 0xd8, 0x14, 0x15, 0xf0, 0x03, 0x01, 0x14, 0x17, 0xf0, 0x03, 0x02, 0x0c, 0x18,
    0xf1, 0x00, 0x02, 0x0c, 0x18, 0xf4, 0x00, 0x02, 0x0c, 0x18, 0xf0, 0x00, 0x02, 0x05, 0x18,
};
/* What co_positions() says of each instruction of two bytes. */
static const uint64_t lines[] = {1, 3,  4,  3,  3,  3,  5,  5,  5,  5,  5,  5,  5,  5,  5,
                                 5, 5,  5,  5,  5,  5,  5,  5,  6,  6,  7,  7,  7,  7,  7,
                                 0, 11, 11, 12, 13, 12, 11, 11, 11, 11, 11, 11, 11, 11, 11};

Test(python, lines_are_those_that_python_tells, .timeout = 20)
{
    size_t count = sizeof(lines) / sizeof(lines[0]);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(pf_python_line(table, sizeof(table), 1, i * 2), lines[i], "instruction %zu", i);
    cr_expect_eq(pf_python_line(table, sizeof(table), 1, count * 2), 0, "behind the last one");
    cr_expect_eq(pf_python_line(table, 0, 1, 0), 0);
}

Test(python, a_table_of_anything_is_read_within_its_bounds, .timeout = 60)
{
    unsigned seed = 1;
    for (int i = 0; i < 100000; i++) {
        size_t size = (size_t)rand_r(&seed) % 16;
        unsigned char *bytes = malloc(size + 1);
        cr_assert_not_null(bytes);
        for (size_t k = 0; k < size; k++)
            bytes[k] = (unsigned char)rand_r(&seed);
        (void)pf_python_line(bytes, size, 1, (uint64_t)rand_r(&seed) % 64);
        free(bytes);
    }
}

/* Types have no content here: an object is of a type if it points to it. */
static uint64_t code_type, text_type, bytes_type;

/* What CPython 3.12 keeps of one thread in one function, each object in words of its own. */
struct image {
    uint64_t version;
    uint64_t runtime[8], interpreter[16], thread[24], holder[2], frame[10], code[32], lines[24], file[16],
        name[16];
};

static uint64_t at(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static void put_text(uint64_t *object, const char *text)
{
    enum { STATE = 1 << 2 | 1 << 5 | 1 << 6 }; /* one byte a character, compact, ASCII */
    object[1] = at(&text_type);
    object[2] = strlen(text);
    object[4] = STATE;
    strcpy((char *)&object[5], text);
}

static struct pf_python_site build(struct image *image)
{
    memset(image, 0, sizeof(*image));
    image->version = 0x030c01f0;
    image->runtime[5] = at(image->interpreter);
    image->interpreter[9] = at(image->thread);
    image->thread[2] = at(image->interpreter);
    image->thread[7] = at(image->holder);
    image->thread[18] = 4711;
    image->holder[0] = at(image->frame);
    image->frame[0] = at(image->code);
    image->frame[7] = at(image->code) + 192 + 2; /* its second instruction */
    image->code[1] = at(&code_type);
    image->code[14] = at(image->file);
    image->code[16] = at(image->name);
    image->code[17] = at(image->lines);
    image->code[8] = (uint64_t)1 << 32; /* the first line, behind another number of 4 bytes */
    image->lines[1] = at(&bytes_type);
    image->lines[2] = sizeof(table);
    memcpy(&image->lines[4], table, sizeof(table));
    put_text(image->file, "/home/me/feeder.py");
    put_text(image->name, "Feeder.run");
    return (struct pf_python_site){.runtime = at(image->runtime),
                                   .version = at(&image->version),
                                   .code_type = at(&code_type),
                                   .text_type = at(&text_type),
                                   .bytes_type = at(&bytes_type)};
}

static int read_image(const struct pf_python_site *site, pid_t own_tid, struct pf_arena *arena,
                      struct pf_frame **ret_frames, size_t *ret_count)
{
    return pf_python_read(getpid(), site, own_tid, 8, arena, ret_frames, ret_count);
}

Test(python, a_frame_has_function_file_and_line, .timeout = 20)
{
    static struct image image;
    struct pf_python_site site = build(&image);
    struct pf_arena *arena = pf_arena_new();
    struct pf_frame *frames;
    size_t count;
    cr_assert_eq(read_image(&site, 4711, arena, &frames, &count), 0);
    cr_assert_eq(count, 1);
    cr_expect_str_eq(frames[0].language, "python");
    cr_expect_str_eq(frames[0].function, "Feeder.run");
    cr_expect_str_eq(frames[0].file, "/home/me/feeder.py");
    cr_expect_eq(frames[0].line, 3);
    cr_expect_null(frames[0].module, "it is nobody's library");
    put_text(image.file, "/usr/lib/python3.12/queue.py");
    cr_assert_eq(read_image(&site, 4711, arena, &frames, &count), 0);
    cr_expect_str_eq(frames[0].module, "python3.12");
    cr_expect_eq(read_image(&site, 4712, arena, &frames, &count), -ENODATA, "another thread");
    pf_arena_free(arena);
}

Test(python, what_does_not_fit_gives_no_frames, .timeout = 20)
{
    static struct image image;
    struct pf_arena *arena = pf_arena_new();
    struct pf_frame *frames;
    size_t count;
    struct pf_python_site site = build(&image);
    image.version = 0x030a0df0;
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "a version that is not known");
    site = build(&image);
    image.version = 0x030c00b1;
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "not released yet");
    site = build(&image);
    image.code[1] = at(&text_type);
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "no code");
    site = build(&image);
    image.file[1] = at(&bytes_type);
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "no text");
    site = build(&image);
    image.thread[2] = 0;
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "a thread of nobody");
    site = build(&image);
    image.interpreter[9] = 0;
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "no threads");
    site = build(&image);
    image.thread[18] = 4712;
    image.thread[1] = at(image.thread);
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), -ENODATA, "a list that runs in a circle");
    site = build(&image);
    image.frame[1] = at(image.frame);
    cr_expect_eq(read_image(&site, 4711, arena, &frames, &count), 0);
    cr_expect_eq(count, 8, "frames that run in a circle end at the limit");
    pf_arena_free(arena);
}

Test(python, an_image_of_anything_is_survived, .timeout = 120)
{
    static struct image image;
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        struct pf_python_site site = build(&image);
        struct pf_arena *arena = pf_arena_new();
        struct pf_frame *frames = NULL;
        size_t count = 0, words = sizeof(image) / 8;
        for (int k = 0; k < 3; k++) {
            uint64_t *word = (uint64_t *)&image + (size_t)rand_r(&seed) % words;
            uint64_t anything[] = {0, UINT64_MAX, (uint64_t)rand_r(&seed),
                                   at(&image) + (uint64_t)rand_r(&seed) % sizeof(image),
                                   *word ^ 1u << rand_r(&seed) % 32};
            *word = anything[(size_t)rand_r(&seed) % (sizeof(anything) / 8)];
        }
        int r = read_image(&site, 4711, arena, &frames, &count);
        cr_assert(r == -ENODATA || (r == 0 && count >= 1 && count <= 8));
        for (size_t k = 0; k < count; k++)
            cr_assert(frames[k].function && frames[k].file);
        pf_arena_free(arena);
    }
}
