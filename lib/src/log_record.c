#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error_internal.h"
#include "log_internal.h"

static const char *const level_names[MPROC_LOG_LEVEL__COUNT] = {
    [MPROC_LOG_DEBUG] = "DEBUG", [MPROC_LOG_INFO] = "INFO",         [MPROC_LOG_WARNING] = "WARNING",
    [MPROC_LOG_ERROR] = "ERROR", [MPROC_LOG_CRITICAL] = "CRITICAL",
};

/* The field at `at`; NULL: damaged, else where the next one begins. */
static const unsigned char *read_field(const unsigned char *at, const unsigned char *end,
                                       struct log_field_head *ret_head)
{
    if ((size_t)(end - at) < sizeof(*ret_head))
        return NULL;
    memcpy(ret_head, at, sizeof(*ret_head));
    at += sizeof(*ret_head);
    if (ret_head->type >= MPROC_LOG_TYPE__COUNT || ret_head->key_len == 0 ||
        ret_head->key_len > LOG_KEY_MAX ||
        (ret_head->type != MPROC_LOG_TYPE_STRING && ret_head->value_len != 8) ||
        (uint64_t)ret_head->key_len + ret_head->value_len > (uint64_t)(end - at))
        return NULL;
    return at + ret_head->key_len + ret_head->value_len;
}

int mproc_log_scan(const void *bytes, size_t len, struct log_record *ret_record)
{
    const unsigned char *at = bytes;
    const unsigned char *end = at + len;
    struct log_record record = {.bytes = bytes, .len = len};
    struct log_field_head field;

    if (len < sizeof(record.head) || len > MPROC_LOG_RECORD_MAX)
        return mproc_fail(-EBADMSG, "a record of %zu bytes", len);
    memcpy(&record.head, at, sizeof(record.head));
    at += sizeof(record.head);
    if (record.head.level >= MPROC_LOG_LEVEL__COUNT || record.head.name_len > LOG_NAME_MAX ||
        record.head.nfields > MPROC_LOG_FIELDS_MAX ||
        (uint64_t)record.head.name_len + record.head.text_len > (uint64_t)(end - at))
        return mproc_fail(-EBADMSG, "a record whose head is damaged");
    record.name = (const char *)at;
    record.text = record.name + record.head.name_len;
    record.fields = at + record.head.name_len + record.head.text_len;
    at = record.fields;
    for (unsigned i = 0; i < record.head.nfields && at; i++)
        at = read_field(at, end, &field);
    if (at != end)
        return mproc_fail(-EBADMSG, "a record whose fields are damaged");
    *ret_record = record;
    return 0;
}

static char *add_escape(char *to, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    *to++ = '\\';
    switch (byte) {
    case '\n':
        *to++ = 'n';
        return to;
    case '\r':
        *to++ = 'r';
        return to;
    case '\t':
        *to++ = 't';
        return to;
    default:
        *to++ = 'x';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
        return to;
    }
}

static bool is_control(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* Whether one of eight bytes is a control character, or may be one. */
static bool may_have_control(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones * 0x80;
    uint64_t below_space = (eight - ones * 0x20) & ~eight;
    uint64_t no_delete = eight ^ (ones * 0x7f);

    return ((below_space | ((no_delete - ones) & ~no_delete)) & tops) != 0;
}

/* Copies text, with what would break a line or a terminal written out. */
static char *add_text(char *to, const char *text, size_t len)
{
    size_t i = 0;

    while (i < len) {
        uint64_t eight;
        if (len - i >= sizeof(eight)) {
            memcpy(&eight, text + i, sizeof(eight));
            if (!may_have_control(eight)) {
                memcpy(to, &eight, sizeof(eight));
                to += sizeof(eight);
                i += sizeof(eight);
                continue;
            }
        }
        size_t until = len - i < sizeof(eight) ? len : i + sizeof(eight);
        for (; i < until; i++) {
            unsigned char byte = (unsigned char)text[i];
            if (is_control(byte))
                to = add_escape(to, byte);
            else
                *to++ = (char)byte;
        }
    }
    return to;
}

static bool is_plain(const char *string, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (string[i] == ' ' || string[i] == '"' || string[i] == '=' || string[i] == '\\' ||
            is_control((unsigned char)string[i]))
            return false;
    }
    return len > 0;
}

/* In quotes where it would else be taken for something else. */
static char *add_string(char *to, const char *string, size_t len)
{
    if (is_plain(string, len))
        return mempcpy(to, string, len);
    *to++ = '"';
    for (size_t i = 0; i < len; i++) {
        if (string[i] == '"' || string[i] == '\\')
            *to++ = '\\';
        to = add_text(to, string + i, 1);
    }
    *to++ = '"';
    return to;
}

static char *add_value(char *to, enum mproc_log_type type, const unsigned char *value, size_t len)
{
    int64_t integer;
    uint64_t number;
    double real;

    switch (type) {
    case MPROC_LOG_TYPE_INT:
        memcpy(&integer, value, sizeof(integer));
        return to + sprintf(to, "%lld", (long long)integer);
    case MPROC_LOG_TYPE_UINT:
        memcpy(&number, value, sizeof(number));
        return to + sprintf(to, "%llu", (unsigned long long)number);
    case MPROC_LOG_TYPE_FLOAT:
        memcpy(&real, value, sizeof(real));
        return to + sprintf(to, "%.15g", real);
    case MPROC_LOG_TYPE_BOOL:
        memcpy(&number, value, sizeof(number));
        return to + sprintf(to, "%s", number ? "true" : "false");
    default:
        return add_string(to, (const char *)value, len);
    }
}

static char *add_body(char *to, const struct log_record *record)
{
    const unsigned char *at = record->fields;
    const unsigned char *end = (const unsigned char *)record->bytes + record->len;
    struct log_field_head field;

    to = add_text(to, record->text, record->head.text_len);
    for (unsigned i = 0; i < record->head.nfields; i++) {
        const unsigned char *next = read_field(at, end, &field);
        const char *key = (const char *)at + sizeof(field);
        *to++ = ' ';
        to = add_string(to, key, field.key_len);
        *to++ = '=';
        to = add_value(to, (enum mproc_log_type)field.type, at + sizeof(field) + field.key_len,
                       field.value_len);
        at = next;
    }
    return to;
}

static char *add_number(char *to, uint32_t number)
{
    char digits[10];
    int count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static char *add_time(char *to, struct log_clock *clock, uint64_t time_ns)
{
    time_t second = (time_t)(time_ns / 1000000000);
    uint32_t micros = (uint32_t)(time_ns % 1000000000 / 1000);
    struct tm parts;

    if (second != clock->second || !clock->text[0]) {
        /* 2026-11-24T22:27:04. Beyond the year 9999 there is no time. */
        if (!gmtime_r(&second, &parts) || parts.tm_year > 8099 ||
            strftime(clock->text, sizeof(clock->text), "%Y-%m-%dT%H:%M:%S.", &parts) == 0)
            strcpy(clock->text, "0000-00-00T00:00:00.");
        clock->second = second;
    }
    to = mempcpy(to, clock->text, strlen(clock->text));
    for (uint32_t unit = 100000; unit > 0; unit /= 10)
        *to++ = (char)('0' + micros / unit % 10);
    *to++ = 'Z';
    return to;
}

size_t mproc_log_format_line(struct log_clock *clock, const struct log_record *record, char *ret_line)
{
    const char *level = level_names[record->head.level];
    char *to = add_time(ret_line, clock, record->head.time_ns);

    *to++ = ' ';
    to = mempcpy(to, level, strlen(level));
    *to++ = ' ';
    to = add_text(to, record->name, record->head.name_len);
    *to++ = '[';
    to = add_number(to, record->head.pid);
    if (record->head.tid != record->head.pid) {
        *to++ = '/';
        to = add_number(to, record->head.tid);
    }
    *to++ = ']';
    *to++ = ':';
    *to++ = ' ';
    to = add_body(to, record);
    *to++ = '\n';
    return (size_t)(to - ret_line);
}

size_t mproc_log_format_text(const struct log_record *record, char *ret_text)
{
    return (size_t)(add_body(ret_text, record) - ret_text);
}
