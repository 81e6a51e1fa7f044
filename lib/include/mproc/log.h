/*
 * Logs: records from any threads of any processes into files, the system's log, or another program's log.
 *
 * A log is a queue of records in shared memory. Who writes puts a record there, which costs less than a
 * system call; a listener, in a thread or in a process of its own, takes many at a time, formats them and
 * hands them to its handlers. There is one writer to each file, so no record is torn by another, and none is
 * lost while files are rotated.
 *
 * A record that was accepted outlives its writer, who may be killed at any instruction. It outlives the
 * listener too: the next one goes on where that was, and takes back what it had half written. What is not
 * accepted, because there is no room, is dropped by a declared policy, counted, and told of in the log.
 *
 * The listener ends when every writer has given its log back or has died.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: the logging of Python, with QueueHandler, QueueListener and the handlers that rotate files;
 * syslog(3).
 */
#ifndef MPROC_LOG_H
#define MPROC_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_context;
struct mproc_listener_options;
struct mproc_log;
struct mproc_log_listener;
struct mproc_log_server;

enum mproc_log_level {
    MPROC_LOG_DEBUG,
    MPROC_LOG_INFO,
    MPROC_LOG_WARNING,
    MPROC_LOG_ERROR,
    MPROC_LOG_CRITICAL,
    MPROC_LOG_LEVEL__COUNT,
};

/* What becomes of a record for which there is no room. */
enum mproc_log_full {
    MPROC_LOG_WAITS, /* its writer waits for `wait_ms`, then it is dropped, and so are those behind it at
                      * once, until there is room again */
    MPROC_LOG_DROPS, /* it is dropped at once */
    MPROC_LOG_FULL__COUNT,
};

struct mproc_log_options {
    enum mproc_log_level level; /* what is below it is not recorded, for all writers */
    enum mproc_log_full full;
    uint64_t wait_ms;   /* 0: 1000 */
    size_t queue_bytes; /* room for records, rounded up to a power of two; 0: 1 MiB */
};

/* What a record has beside its text: a key and a value. */
enum mproc_log_type {
    MPROC_LOG_TYPE_STRING,
    MPROC_LOG_TYPE_INT,
    MPROC_LOG_TYPE_UINT,
    MPROC_LOG_TYPE_FLOAT,
    MPROC_LOG_TYPE_BOOL,
    MPROC_LOG_TYPE__COUNT,
};

struct mproc_log_field {
    const char *key; /* up to 63 bytes */
    enum mproc_log_type type;
    union {
        const char *string; /* NULL is written as "(null)" */
        int64_t integer;
        uint64_t number;
        double real;
        bool flag;
    } value;
};

enum mproc_log_target {
    MPROC_LOG_TO_STDERR,
    MPROC_LOG_TO_FILE,
    MPROC_LOG_TO_SYSLOG,
    MPROC_LOG_TO_SOCKET, /* the log of another program, where mproc_log_serve() listens */
    MPROC_LOG_TARGET__COUNT,
};

/* Where records go. Nothing of it need outlive the call that it is for. */
struct mproc_log_handler {
    enum mproc_log_target target;
    enum mproc_log_level level; /* what is below it is not for this handler */
    const char *path;   /* of a file; address of a log server; the system log's socket, NULL: /dev/log */
    uint64_t max_bytes; /* of a file, which is rotated before it would grow beyond; where it cannot be, it
                           grows on, is counted, and each time that records are written it is tried again; 0:
                           no bound */
    uint64_t every_s;  /* a file is rotated at each multiple of so many seconds, in UTC: 86400 is midnight; 0:
                          never */
    unsigned keep;     /* how many rotated files stay: PATH.1, the newest, to PATH.N; 0: 1 */
    bool sync;         /* a file is on the disk before its records count as written */
    const char *ident; /* for the system log, the name of who writes; NULL: that of the record */
    int facility;      /* for the system log, LOG_DAEMON and so on; 0: LOG_USER */
};

enum {
    MPROC_LOG_HANDLERS_MAX = 8,     /* of one listener */
    MPROC_LOG_FIELDS_MAX = 64,      /* of one record */
    MPROC_LOG_RECORD_MAX = 1 << 20, /* bytes of one record, fields included */
};

/* Each record that was accepted is one of waiting, written and failed. */
struct mproc_log_stat {
    uint64_t waiting; /* its turn has not come, or not ended */
    uint64_t written; /* by each handler that it was for */
    uint64_t failed;  /* one handler at least could not write it; or it came to a log server and was none */
    uint64_t dropped[MPROC_LOG_LEVEL__COUNT]; /* not accepted, by level */
    int last_error;                           /* of what has failed: a negative errno, or 0 */
    uint64_t failed_rotations;                /* how often a file went on that was to be rotated */
};

/**
 * Makes a log.
 *
 * @param options  NULL for the defaults
 * @param ret_log  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL no such level or policy; those of mproc_queue_create().
 * Ownership: the caller's, ends with mproc_log_unref(). Takes three descriptors here and two in each other
 * process.
 * Threads: any.
 */
MPROC_EXPORT int mproc_log_create(const struct mproc_log_options *options, struct mproc_log **ret_log);

/**
 * Takes one more reference.
 *
 * Returns: the same log.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_log *mproc_log_ref(struct mproc_log *log);

/**
 * Gives a reference back; with the last one this process is no writer any more. When no process is, the
 * listener writes what there is and ends. NULL is a no-op.
 *
 * Threads: any; no other may be inside a call with this reference.
 */
MPROC_EXPORT void mproc_log_unref(struct mproc_log *log);

/**
 * Writes a record.
 *
 * @param log      the log
 * @param level    how grave it is
 * @param fields   keys and values; may be NULL when there are none
 * @param nfields  how many, up to MPROC_LOG_FIELDS_MAX
 * @param format   the text, as for printf(); control characters in it become \n, \x1b and the like, so that a
 * record is one line
 *
 * Returns: 0: the record is accepted, or below the level of the log.
 * Errors: it is not, and counted as dropped: -EAGAIN no room, -ETIMEDOUT none for `wait_ms`; -EPIPE the log
 * is closed: a listener has seen all writers gone; -ENOMEM, -ENOSPC. Not counted: -EINVAL no such level, too
 * many fields, a key that is too long or empty; -EMSGSIZE more than MPROC_LOG_RECORD_MAX; -EBADF the handle
 * was given back; -EDEADLK called in a signal handler out of a write.
 * Threads: any. A stop does not cancel it. Async-signal safety: not safe; errno is kept. Blocking: as the
 * policy says; never where that is MPROC_LOG_DROPS, but for 2 ms.
 */
MPROC_EXPORT int mproc_log_write(struct mproc_log *log, enum mproc_log_level level,
                                 const struct mproc_log_field *fields, size_t nfields, const char *format,
                                 ...) MPROC_PRINTF(5, 6);

/**
 * The same with a list of arguments, for who wraps it.
 *
 * Returns: 0.
 * Errors: those of mproc_log_write().
 * Threads: any. Async-signal safety: not safe; errno is kept. Blocking: as mproc_log_write().
 */
MPROC_EXPORT int mproc_log_vwrite(struct mproc_log *log, enum mproc_log_level level,
                                  const struct mproc_log_field *fields, size_t nfields, const char *format,
                                  va_list args) MPROC_PRINTF(5, 0);

#define mproc_log_debug(log, ...)    mproc_log_write((log), MPROC_LOG_DEBUG, NULL, 0, __VA_ARGS__)
#define mproc_log_info(log, ...)     mproc_log_write((log), MPROC_LOG_INFO, NULL, 0, __VA_ARGS__)
#define mproc_log_warning(log, ...)  mproc_log_write((log), MPROC_LOG_WARNING, NULL, 0, __VA_ARGS__)
#define mproc_log_error(log, ...)    mproc_log_write((log), MPROC_LOG_ERROR, NULL, 0, __VA_ARGS__)
#define mproc_log_critical(log, ...) mproc_log_write((log), MPROC_LOG_CRITICAL, NULL, 0, __VA_ARGS__)

/* Fields by the type of their value. */
static inline struct mproc_log_field mproc_log_string(const char *key, const char *string)
{
    struct mproc_log_field field = {key, MPROC_LOG_TYPE_STRING, {string}};
    return field;
}

static inline struct mproc_log_field mproc_log_int(const char *key, int64_t integer)
{
    struct mproc_log_field field = {key, MPROC_LOG_TYPE_INT, {NULL}};
    field.value.integer = integer;
    return field;
}

static inline struct mproc_log_field mproc_log_uint(const char *key, uint64_t number)
{
    struct mproc_log_field field = {key, MPROC_LOG_TYPE_UINT, {NULL}};
    field.value.number = number;
    return field;
}

static inline struct mproc_log_field mproc_log_float(const char *key, double real)
{
    struct mproc_log_field field = {key, MPROC_LOG_TYPE_FLOAT, {NULL}};
    field.value.real = real;
    return field;
}

static inline struct mproc_log_field mproc_log_bool(const char *key, bool flag)
{
    struct mproc_log_field field = {key, MPROC_LOG_TYPE_BOOL, {NULL}};
    field.value.flag = flag;
    return field;
}

/**
 * Sets the name that records of this handle carry; in the beginning it is that of the process
 * (mproc_process_own_name()), or "main".
 *
 * @param name  cut at 63 bytes
 *
 * Threads: not while another thread writes with this handle.
 */
MPROC_EXPORT void mproc_log_set_name(struct mproc_log *log, const char *name);

/**
 * Sets and tells the level below which nothing is recorded, for all writers of a log.
 *
 * Returns: 0 or the level.
 * Errors: -EINVAL no such level; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT int mproc_log_set_level(struct mproc_log *log, enum mproc_log_level level);
MPROC_EXPORT int mproc_log_level(const struct mproc_log *log);

/**
 * Waits until a listener has handed all records that were accepted to its handlers.
 *
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0: there was a moment with none waiting, and all are written.
 * Errors: -EIO none is waiting, and some have failed; the detail says how many, and the last error of a
 * handler. Each that fails while there is this handle is told of once by it. -ETIMEDOUT (-EAGAIN for
 * MPROC_NOW) some are waiting; the detail says so where nobody listens; -ECANCELED the thread's stop token
 * was stopped; -EBADF.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_log_flush(struct mproc_log *log, uint64_t deadline_ns);

/**
 * What has become of the records of a log so far.
 *
 * Returns: 0.
 * Errors: -EBADF the handle was given back.
 * Threads: any.
 */
MPROC_EXPORT int mproc_log_get_stat(const struct mproc_log *log, struct mproc_log_stat *ret_stat);

/**
 * Starts the listener of a log. When this returns, it listens and has its files.
 *
 * There is one at a time, for as long as it lives; when it has ended or was killed, which is for the kernel
 * to say, another one can go on where it was.
 *
 * @param log           of this process, which made it
 * @param handlers      where the records go
 * @param count         how many handlers, from 1 to MPROC_LOG_HANDLERS_MAX
 * @param context       whose process it becomes, a background one; NULL: a thread of this process
 * @param ret_listener  the handle
 *
 * Returns: 0.
 * Errors: -EPERM the log came from another process, or this is a fork of its maker; -EBUSY the log has a
 * listener, which may be stopped or about to die of a signal: join it first; or a file has one, of another
 * log; -EINVAL, -ENAMETOOLONG a handler is wrong: the detail says how; what opening a file gave; -ECHILD it
 * was killed before it listened; -ETIMEDOUT it was stopped before that, and is ended; those of
 * mproc_process_start() or mproc_thread_start(); -EBADF.
 * Ownership: the handle is the caller's, ends with mproc_log_listener_free(). The listener is no writer of
 * the log, but its maker is one until it gives the log back.
 * Threads: any. A listener in a thread dies with its process, and with it what is not yet written. One that
 * is a process outlives the writers; should its owner be killed, it has 50 ms to write what there is, unless
 * the owner's own owner is killed as well. Async-signal safety: not safe. Blocking: until it listens; ten
 * seconds at most where it is a process, and as mproc_process_start().
 */
MPROC_EXPORT int mproc_log_listen(struct mproc_log *log, const struct mproc_log_handler *handlers,
                                  size_t count, struct mproc_context *context,
                                  struct mproc_log_listener **ret_listener);

/**
 * Waits for a listener to end, which it does when every writer has given the log back or died, and all is
 * written; give back the log first.
 *
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW) there are writers; -ECANCELED the thread's stop token was
 * stopped; -ECHILD it was killed, and mproc_log_listen() can be called again; -EBADF the handle was given
 * back; what ended it.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_log_listener_join(struct mproc_log_listener *listener, uint64_t deadline_ns);

/**
 * Gives the handle of a listener back; the listener goes on. NULL is a no-op.
 *
 * Threads: any. Async-signal safety: not safe. Blocking: as mproc_process_free() where it is a process.
 */
MPROC_EXPORT void mproc_log_listener_free(struct mproc_log_listener *listener);

/**
 * Takes in, by a thread, what handlers of other programs (MPROC_LOG_TO_SOCKET) send, and puts it into a log.
 *
 * @param log         the log, of which this is a writer
 * @param options     where to listen, see mproc_listener_open(); NULL for a name that the kernel chooses
 * @param ret_server  the handle
 *
 * Returns: 0.
 * Errors: those of mproc_listener_open() and mproc_thread_start(); -EBADF.
 * Ownership: the caller's, ends with mproc_log_server_close().
 * Threads: any. Records from elsewhere are checked; those that are none are counted as failed. Async-signal
 * safety: not safe. Blocking: as mproc_listener_open().
 */
MPROC_EXPORT int mproc_log_serve(struct mproc_log *log, const struct mproc_listener_options *options,
                                 struct mproc_log_server **ret_server);

/**
 * Where a log server listens: the `path` of a handler.
 *
 * Returns: the address.
 * Ownership: the server's.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_log_server_address(const struct mproc_log_server *server);

/**
 * Ends a log server, once it has taken in what had arrived. NULL is a no-op.
 *
 * Threads: any; no other may use it any more. Async-signal safety: not safe. Blocking: while there is
 * something to take in.
 */
MPROC_EXPORT void mproc_log_server_close(struct mproc_log_server *server);

/**
 * Adds a log to the arguments of a process, which becomes a writer of it.
 *
 * @param args  the arguments: a writer themselves until they are freed
 * @param log   stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_log(struct mproc_args *args, const struct mproc_log *log);

/**
 * Takes a log out of arguments.
 *
 * @param args     the arguments
 * @param index    which argument, from 0
 * @param ret_log  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a log; -EBADMSG damaged; -EXDEV of another
 * PID namespace; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_log_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_log(const struct mproc_args *args, size_t index, struct mproc_log **ret_log);

#ifdef __cplusplus
}
#endif

#endif
