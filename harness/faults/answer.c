#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "faults/strike.h"

/* The kernel may want a larger struct than this header knows; the rest must be zero. */
union response {
    struct seccomp_notif_resp fields;
    char room[256];
};

static int respond(int notify_fd, struct seccomp_notif_resp fields)
{
    union response response = {.room = {0}};
    response.fields = fields;
    return ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

int pf_strike_return(int notify_fd, uint64_t id, int64_t value, int error)
{
    return respond(notify_fd,
                   (struct seccomp_notif_resp){.id = id, .val = error ? 0 : value, .error = -error});
}

int pf_strike_continue(int notify_fd, uint64_t id)
{
    return respond(notify_fd,
                   (struct seccomp_notif_resp){.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}
