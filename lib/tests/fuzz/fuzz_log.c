/* Records of a log: bytes from a writer that is not sound, alone and in a row as they come from another
 * program. What is accepted becomes one line, within the room that is set aside for it. */
#include "input.h"
#include "log_internal.h"

static void format(const void *bytes, size_t len)
{
    struct log_clock clock = {0};
    struct log_record record;

    if (mproc_log_scan(bytes, len, &record) != 0)
        return;
    size_t room = mproc_log_line_room(len);
    char *line = malloc(room);
    MUST(line);
    for (int i = 0; i < 2; i++) {
        size_t line_len = mproc_log_format_line(&clock, &record, line);
        MUST(line_len <= room && memchr(line, '\n', line_len) == line + line_len - 1);
    }
    MUST(mproc_log_format_text(&record, line) < room);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct log_head head;
    uint8_t how = input_byte(&input);

    format(data, size);
    /* A head that tells of what follows it, which chance does not find. */
    input_take(&input, &head, sizeof(head));
    head.level %= MPROC_LOG_LEVEL__COUNT;
    head.nfields %= 4;
    head.name_len = (uint8_t)(how % (LOG_NAME_MAX + 1));
    head.text_len = head.text_len % 64;
    size_t len = sizeof(head) + input.left;
    unsigned char *bytes = malloc(len);
    MUST(bytes);
    memcpy(bytes, &head, sizeof(head));
    if (input.left > 0)
        memcpy(bytes + sizeof(head), input.at, input.left);
    format(bytes, len);
    free(bytes);
    return 0;
}
