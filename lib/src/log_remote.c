#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <mproc/pipe.h>

#include "descriptor.h"
#include "error_internal.h"
#include "log_internal.h"

/* How long the other side may hold up all handlers; once, and then not at all until it takes something again.
 */
static const uint64_t patience_ms = 1000;

static int connect_syslog(struct log_sink *sink)
{
    const char *path = sink->path ? sink->path : "/dev/log";
    const struct timeval patience = {.tv_sec = (time_t)(patience_ms / 1000)};
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(name.sun_path))
        return -ENAMETOOLONG;
    strcpy(name.sun_path, path);
    int fd = mproc_fd_above(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    sink->fd = fd;
    return 0;
}

static int send_datagram(struct log_sink *sink, const char *datagram, size_t len)
{
    ssize_t sent;

    if (sink->fd < 0) {
        int err = connect_syslog(sink);
        if (err)
            return err;
    }
    do
        sent = send(sink->fd, datagram, len, MSG_NOSIGNAL | (sink->is_stuck ? MSG_DONTWAIT : 0));
    while (sent < 0 && errno == EINTR);
    int err = sent < 0 ? -errno : 0;
    sink->is_stuck = err == -EAGAIN;
    if (!err)
        return 0;
    /* Of one that was started anew the socket is another. */
    if (err != -EAGAIN && err != -EMSGSIZE) {
        close(sink->fd);
        sink->fd = -1;
    }
    return err;
}

/* "<14>Nov 24 22:27:04 name[4711]: text", as syslog(3) sends it. */
int mproc_log_syslog_send(struct log_sink *sink, const struct log_record *record)
{
    static const int severities[MPROC_LOG_LEVEL__COUNT] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR,
                                                           LOG_CRIT};
    int priority = (sink->facility ? sink->facility : LOG_USER) | severities[record->head.level];
    time_t second = (time_t)(record->head.time_ns / 1000000000);
    char *datagram = mproc_log_sink_reserve(sink, mproc_log_line_room(record->len) + 64);
    char when[32] = "";
    struct tm parts;

    if (!datagram)
        return -ENOMEM;
    if (localtime_r(&second, &parts))
        strftime(when, sizeof(when), "%b %e %H:%M:%S", &parts);
    int name_len = sink->ident ? (int)strnlen(sink->ident, LOG_NAME_MAX) : record->head.name_len;
    int begin = sprintf(datagram, "<%d>%s %.*s[%u]: ", priority, when, name_len,
                        sink->ident ? sink->ident : record->name, record->head.pid);
    size_t len = (size_t)begin + mproc_log_format_text(record, datagram + begin);
    int err = send_datagram(sink, datagram, len);
    return err && sink->fd < 0 ? send_datagram(sink, datagram, len) : err;
}

/* A frame is a row of records, each with its length before it. */
int mproc_log_socket_add(struct log_sink *sink, const struct log_record *record)
{
    uint32_t len = (uint32_t)record->len;
    char *place = mproc_log_sink_reserve(sink, sizeof(len) + record->len);

    if (!place)
        return -ENOMEM;
    memcpy(mempcpy(place, &len, sizeof(len)), record->bytes, record->len);
    sink->used += sizeof(len) + record->len;
    sink->records++;
    return 0;
}

/* A frame is taken whole or not at all, so a connection that is full can go on. */
static int send_frame(struct log_sink *sink)
{
    uint64_t deadline_ns = sink->is_stuck ? MPROC_NOW : mproc_deadline_ms(patience_ms);
    int err = 0;

    if (!sink->server)
        err = mproc_pipe_connect(sink->path, NULL, deadline_ns, &sink->server);
    if (!err)
        err = mproc_pipe_send(sink->server, sink->buffer, sink->used, deadline_ns);
    sink->is_stuck = err == -EAGAIN || err == -ETIMEDOUT;
    if (err && !sink->is_stuck) {
        mproc_pipe_unref(sink->server);
        sink->server = NULL;
    }
    return err;
}

int mproc_log_socket_send(struct log_sink *sink)
{
    bool was_connected = sink->server != NULL;
    int err = send_frame(sink);

    /* It may have been started anew since the last time. */
    return err == -EPIPE && was_connected ? send_frame(sink) : err;
}
