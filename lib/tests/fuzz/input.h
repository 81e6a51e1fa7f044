/* What libFuzzer gives, read piece by piece; beyond its end there are zeros. */
#ifndef MPROC_FUZZ_INPUT_H
#define MPROC_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does not return when a condition is false: what does not hold here is a finding, as a crash is. */
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

struct input {
    const uint8_t *at;
    size_t left;
};

static inline void input_take(struct input *input, void *ret_bytes, size_t len)
{
    size_t there = len < input->left ? len : input->left;

    memset(ret_bytes, 0, len);
    if (there > 0)
        memcpy(ret_bytes, input->at, there);
    input->at += there;
    input->left -= there;
}

static inline uint8_t input_byte(struct input *input)
{
    uint8_t byte;

    input_take(input, &byte, sizeof(byte));
    return byte;
}

/* Scribbles over memory as a hostile process would that shares it: where to, how much, and what. */
static inline void input_scribble(struct input *input, void *memory, size_t size)
{
    uint16_t offset;
    size_t len = 1 + input_byte(input) % 32;

    input_take(input, &offset, sizeof(offset));
    if (len > size)
        len = size;
    input_take(input, (unsigned char *)memory + offset % (size - len + 1), len);
}

/* libFuzzer's name for a target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
