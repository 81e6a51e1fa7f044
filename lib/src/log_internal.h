/*
 * Inside a log.
 *
 * A record is a message of a queue that redelivers, so a listener has it until it has written it: that is one
 * step of the queue (mproc_queue_done(), or the next get). Which records count as written is known from the
 * queue alone. Before a listener writes to a file it notes, beside that count, how long the file is; its
 * successor, finding the count unchanged, cuts the file there and writes those records anew.
 *
 * Whoever listens has the lock beside the block, from before it looks at anything until it has left the
 * queue, so the intents and the order in the files are one thread's. The kernel takes the lock from one that
 * dies. What that one left needs no repair: the next listener finds it in the queue and in the intents.
 *
 * Each writer holds the writing end of a pipe through which nothing is ever sent, the life line: when all
 * have closed it or died, the kernel says so at the other end, which the listener has.
 */
#ifndef MPROC_LOG_INTERNAL_H
#define MPROC_LOG_INTERNAL_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <mproc/context.h>
#include <mproc/log.h>
#include <mproc/queue.h>

#include "handle.h"

enum { LOG_BATCH = 1024, LOG_NAME_MAX = 63, LOG_KEY_MAX = 63, LOG_LARGE_BYTES = 4 << 20 };

/* Begins a record: then the name, the text, and the fields. */
struct log_head {
    uint64_t time_ns; /* CLOCK_REALTIME */
    uint32_t pid;
    uint32_t tid;
    uint8_t level;
    uint8_t name_len;
    uint16_t nfields;
    uint32_t text_len;
};

/* Begins a field: then the key and the value, which is 8 bytes where it is no string. */
struct log_field_head {
    uint8_t type;
    uint8_t key_len;
    uint16_t unused;
    uint32_t value_len;
};

/* A record as it was found to be. */
struct log_record {
    struct log_head head;
    const char *name;
    const char *text;
    const unsigned char *fields;
    const void *bytes; /* all of it */
    size_t len;
};

/* What a listener is about to change: the file that was so long when so many records were written. */
struct log_intent {
    uint64_t done; /* UINT64_MAX: none */
    uint64_t device;
    uint64_t inode;
    uint64_t size;
};

/* Lies in the block of the queue's segment. */
struct log_shared {
    uint32_t level;
    uint32_t full;
    uint64_t wait_ms;
    uint32_t is_stuck; /* a writer has waited in vain, and since then there was no room */
    int32_t last_error;
    uint64_t dropped[MPROC_LOG_LEVEL__COUNT];
    uint64_t told;     /* of all that were dropped: so many the log tells of */
    uint64_t rejected; /* what a log server took in that was no record */
    uint64_t failed;   /* records that were accepted, and that a handler could not write */
    /* A batch that comes again, for who wrote it was killed, is counted anew. */
    uint64_t counted_at;    /* how many records were done before the batch that was counted last */
    uint64_t failed_before; /* and how many of these had failed */
    uint64_t failed_rotations;
    struct log_intent intents[MPROC_LOG_HANDLERS_MAX];
};

struct mproc_log {
    struct mproc_handle handle; /* without a segment */
    struct mproc_queue *queue;
    struct log_shared *shared;
    pid_t owner;          /* the process of this handle, which a fork of it is not */
    int life_fd;          /* to write; -1 in a listener */
    int watch_fd;         /* to read; -1 in who got the log from another process */
    uint64_t failed_told; /* so many failed records flushes of this handle have told of */
    uint8_t name_len;
    char name[LOG_NAME_MAX + 1];
};

/* How a listener gets a log: not as a writer, but with the other end of the life line. */
extern const struct mproc_class mproc_log_listener_class;

/* Makes the calling thread the listener of a log. Errors: -EBUSY another thread is, with detail; those of
 * mproc_robust_lock(). */
int mproc_log_claim(struct mproc_log *log);

/* The calling thread is the listener no more: what it has not done is the next one's. */
void mproc_log_resign(struct mproc_log *log);

/* The thread that is the listener, 0 for none. */
uint32_t mproc_log_listening_thread(const struct mproc_log *log);

/* Errors: -EBUSY there is a listener, with detail. */
int mproc_log_check_free(const struct mproc_log *log);

/* Puts a composed record, as the policy of the log says. Errors: those of mproc_log_write(). */
int mproc_log_put(struct mproc_log *log, enum mproc_log_level level, const void *record, size_t len);

/* Counts what came from elsewhere and is no record. */
void mproc_log_count_rejected(struct mproc_log *log, int err);

/* Counts a file that goes on growing. */
void mproc_log_count_failed_rotation(struct mproc_log *log, int err);

/* log_record.c */

/* Reads bytes that nobody vouches for. Errors: -EBADMSG. */
int mproc_log_scan(const void *bytes, size_t len, struct log_record *ret_record);

/* The time of the last record, in words: most have the same second. */
struct log_clock {
    time_t second;
    char text[24];
};

/* Writes a record as a line, with its newline. `ret_line` has room for mproc_log_line_room(). Returns its
 * length. */
size_t mproc_log_format_line(struct log_clock *clock, const struct log_record *record, char *ret_line);

/* Text and fields alone, for where time, level and writer are told otherwise. */
size_t mproc_log_format_text(const struct log_record *record, char *ret_text);

static inline size_t mproc_log_line_room(size_t record_len)
{
    /* A byte becomes four at most, a number in a field of 17 bytes 24 and a bit; and what is before the name.
     */
    return 128 + 4 * record_len;
}

/* log_sink.c: what a handler is in a listener. */
struct log_sink {
    enum mproc_log_target target;
    enum mproc_log_level level;
    char *path;
    char *ident;
    uint64_t max_bytes;
    uint64_t every_s;
    unsigned keep;
    bool sync;
    int facility;
    struct log_intent *intent;
    char *buffer; /* what is to be written in one go */
    size_t used;
    size_t room;
    uint64_t records; /* in it */
    int fd;           /* -1: not open */
    bool is_regular;
    uint64_t size; /* of the file, and which it is */
    uint64_t device;
    uint64_t inode;
    uint64_t rotate_at_s; /* 0: never */
    int rotation_err;     /* of the last write: it could not be rotated */
    bool is_stuck;        /* the other side took nothing the last time, though it was waited for */
    struct mproc_pipe *server;
};

/* The place in a batch of a record that is the listener's own. */
enum { LOG_OWN_RECORD = LOG_BATCH };

struct log_sinks {
    struct log_sink sinks[MPROC_LOG_HANDLERS_MAX];
    size_t count;
    struct log_clock clock;
    struct mproc_log *log;
    /* Of each record of a batch: the sinks whose buffers it is in or was, as bits, and whether it is to count
     * as failed. */
    uint8_t sinks_of[LOG_BATCH + 1];
    bool has_failed[LOG_BATCH + 1];
    bool has_own; /* the listener's own record is among them */
};

static_assert(MPROC_LOG_HANDLERS_MAX <= 8, "a byte has a bit for each sink");

/* Whether handlers are possible. Errors: -EINVAL and others, with detail. */
int mproc_log_check_handlers(const struct mproc_log_handler *handlers, size_t count);

/* Opens them, for a listener. Errors: with detail; nothing is open then. */
int mproc_log_sinks_open(struct log_sinks *sinks, struct mproc_log *log,
                         const struct mproc_log_handler *handlers, size_t count);
void mproc_log_sinks_close(struct log_sinks *sinks);

/* Adds the record at a place of the batch to what is to be written, or NULL: it is none, for this error. */
void mproc_log_sinks_add(struct log_sinks *sinks, size_t place, const struct log_record *record, int err);

/* Writes all of it, which is `count` records and maybe the listener's own. */
void mproc_log_sinks_write(struct log_sinks *sinks, size_t count, uint64_t done);

/* Room for so much more in the buffer. Returns where, or NULL: no memory. */
char *mproc_log_sink_reserve(struct log_sink *sink, size_t len);

/* log_file.c. Errors of writing: what is left in the buffer could not be written, and the file ends with a
 * whole record. */
int mproc_log_file_open(struct log_sink *sink, uint64_t done);
int mproc_log_file_write(struct log_sink *sink, uint64_t done);

/* log_remote.c: the system's log, a record at a time, and another program's log. */
int mproc_log_syslog_send(struct log_sink *sink, const struct log_record *record);
int mproc_log_socket_add(struct log_sink *sink, const struct log_record *record);
int mproc_log_socket_send(struct log_sink *sink);

/* log_listen.c: a listener at work, which is the calling thread. */
struct log_listening;

/* Claims the log, opens the handlers, and takes back what a killed listener had half written. Takes the log
 * on success. Errors: with detail. */
int mproc_log_begin(struct mproc_log *log, const struct mproc_log_handler *handlers, size_t count,
                    struct log_listening **ret_listening);

/* Writes what there is and what comes, until the log is closed. */
int mproc_log_take(struct log_listening *listening);

/* The same, and closes the log when all writers are gone. */
int mproc_log_run(struct log_listening *listening);

void mproc_log_end(struct log_listening *listening);

/* log_start.c: what a listener runs that is a process. */
extern const struct mproc_entry mproc_log_entry;

#endif
