#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error_internal.h"
#include "log_internal.h"
#include "robust.h"
#include "stop_internal.h"

/* Most records fit, and cost no allocation. */
enum { USUAL_BYTES = 1024 };

static uint64_t real_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int check_fields(const struct mproc_log_field *fields, size_t nfields, size_t *ret_len)
{
    size_t len = 0;

    if (nfields > MPROC_LOG_FIELDS_MAX)
        return mproc_fail(-EINVAL, "%zu fields in a record; %d are the most", nfields, MPROC_LOG_FIELDS_MAX);
    for (size_t i = 0; i < nfields; i++) {
        const struct mproc_log_field *field = &fields[i];
        size_t key_len = field->key ? strlen(field->key) : 0;
        if ((unsigned)field->type >= MPROC_LOG_TYPE__COUNT)
            return mproc_fail(-EINVAL, "field %zu is of no type (%d)", i, (int)field->type);
        if (key_len == 0 || key_len > LOG_KEY_MAX)
            return mproc_fail(-EINVAL, "the key of field %zu has %zu bytes; 1 to %d can be", i, key_len,
                              LOG_KEY_MAX);
        if (field->type != MPROC_LOG_TYPE_STRING)
            len += 8;
        else
            len += field->value.string ? strlen(field->value.string) : strlen("(null)");
        len += sizeof(struct log_field_head) + key_len;
        if (len > MPROC_LOG_RECORD_MAX)
            return mproc_fail(-EMSGSIZE, "a record of more than %d bytes", MPROC_LOG_RECORD_MAX);
    }
    *ret_len = len;
    return 0;
}

static unsigned char *add_field(unsigned char *end, const struct mproc_log_field *field)
{
    struct log_field_head head = {
        .type = (uint8_t)field->type, .key_len = (uint8_t)strlen(field->key), .value_len = 8};
    const char *string = field->value.string ? field->value.string : "(null)";
    const uint64_t flag = field->type == MPROC_LOG_TYPE_BOOL && field->value.flag;
    const void *value = &field->value;

    if (field->type == MPROC_LOG_TYPE_STRING) {
        head.value_len = (uint32_t)strlen(string);
        value = string;
    } else if (field->type == MPROC_LOG_TYPE_BOOL) {
        value = &flag;
    }
    end = mempcpy(end, &head, sizeof(head));
    end = mempcpy(end, field->key, head.key_len);
    return mempcpy(end, value, head.value_len);
}

static void count_dropped(struct mproc_log *log, enum mproc_log_level level)
{
    __atomic_fetch_add(&log->shared->dropped[level], 1, __ATOMIC_RELAXED);
}

/* There was no room. A log must not hold up a program whose listener is dead: one writer waits in vain, and
 * after it nobody until there is room again. */
static int put_later(struct mproc_log *log, const void *record, size_t len, int err)
{
    struct log_shared *shared = log->shared;
    uint32_t full = __atomic_load_n(&shared->full, __ATOMIC_RELAXED);

    if (full == MPROC_LOG_DROPS || __atomic_load_n(&shared->is_stuck, __ATOMIC_RELAXED))
        return err;
    /* What is said while everything stops is worth hearing. */
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    err = mproc_queue_put(log->queue, record, len,
                          mproc_deadline_ms(__atomic_load_n(&shared->wait_ms, __ATOMIC_RELAXED)));
    mproc_stop_enter(before);
    if (err == -ETIMEDOUT)
        __atomic_store_n(&shared->is_stuck, 1, __ATOMIC_RELAXED);
    return err;
}

int mproc_log_put(struct mproc_log *log, enum mproc_log_level level, const void *record, size_t len)
{
    struct log_shared *shared = log->shared;
    int err = mproc_queue_put(log->queue, record, len, MPROC_NOW);

    if (err == -EAGAIN)
        err = put_later(log, record, len, err);
    else if (!err && __atomic_load_n(&shared->is_stuck, __ATOMIC_RELAXED))
        __atomic_store_n(&shared->is_stuck, 0, __ATOMIC_RELAXED);
    if (err == -EPIPE)
        mproc_fail(err, "the log is closed: a listener has seen all its writers gone");
    if (err && err != -EDEADLK)
        count_dropped(log, level);
    return err;
}

/* A record whose text is in its place. */
static int finish(struct mproc_log *log, enum mproc_log_level level, unsigned char *record, size_t text_len,
                  const struct mproc_log_field *fields, size_t nfields)
{
    struct log_head head = {.time_ns = real_ns(),
                            .level = (uint8_t)level,
                            .name_len = log->name_len,
                            .nfields = (uint16_t)nfields,
                            .text_len = (uint32_t)text_len};
    unsigned char *end;

    mproc_robust_who(&head.pid, &head.tid);
    end = mempcpy(record, &head, sizeof(head));
    end = (unsigned char *)mempcpy(end, log->name, log->name_len) + text_len;
    for (size_t i = 0; i < nfields; i++)
        end = add_field(end, &fields[i]);
    return mproc_log_put(log, level, record, (size_t)(end - record));
}

int mproc_log_vwrite(struct mproc_log *log, enum mproc_log_level level, const struct mproc_log_field *fields,
                     size_t nfields, const char *format, va_list args)
{
    unsigned char usual[USUAL_BYTES];
    unsigned char *record = usual;
    int saved_errno = errno;
    size_t fields_len = 0;
    va_list again;
    int err = mproc_handle_check(log, "log");

    if (err)
        return err;
    if ((unsigned)level >= MPROC_LOG_LEVEL__COUNT)
        return mproc_fail(-EINVAL, "there is no level %d", (int)level);
    if ((uint32_t)level < __atomic_load_n(&log->shared->level, __ATOMIC_RELAXED))
        return 0;
    err = nfields > 0 ? check_fields(fields, nfields, &fields_len) : 0;
    if (err)
        return err;
    size_t begin = sizeof(struct log_head) + log->name_len;
    size_t room = fields_len < sizeof(usual) - begin ? sizeof(usual) - begin - fields_len : 0;
    va_copy(again, args);
    int text_len = vsnprintf(room > 0 ? (char *)usual + begin : NULL, room, format, args);
    size_t needed = begin + (size_t)text_len + fields_len;
    if (text_len < 0) {
        err = mproc_fail(-EINVAL, "the text of a record cannot be formatted: %s", strerrordesc_np(errno));
    } else if (needed > MPROC_LOG_RECORD_MAX) {
        err = mproc_fail(-EMSGSIZE, "a record of %zu bytes; %d are the most", needed, MPROC_LOG_RECORD_MAX);
    } else if ((size_t)text_len >= room) {
        record = malloc(needed + 1);
        if (record)
            vsnprintf((char *)record + begin, (size_t)text_len + 1, format, again);
        else
            err = mproc_fail(-ENOMEM, "no memory for a record of %zu bytes", needed);
        if (err)
            count_dropped(log, level);
    }
    if (!err)
        err = finish(log, level, record, (size_t)text_len, fields, nfields);
    va_end(again);
    if (record != usual)
        free(record);
    errno = saved_errno;
    return err;
}

int mproc_log_write(struct mproc_log *log, enum mproc_log_level level, const struct mproc_log_field *fields,
                    size_t nfields, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int err = mproc_log_vwrite(log, level, fields, nfields, format, args);
    va_end(args);
    return err;
}
