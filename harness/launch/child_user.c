/*
 * A user id for one trial. RLIMIT_NPROC counts all processes of a user, and does not bind root: so where it
 * is planned, a program that root runs gets a user id that nobody else has, and keeps what root may do.
 * Post-fork code, as child.c.
 */
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/child.h"

/* Who has one of these is above the limit (fork(2)). */
static const unsigned long long exempts = 1ULL << CAP_SYS_RESOURCE | 1ULL << CAP_SYS_ADMIN;

/* Capabilities that last through an exec of a program without any of its own. */
static int make_ambient(unsigned long long wanted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    wanted &= data[0].permitted | (unsigned long long)data[1].permitted << 32;
    for (int half = 0; half < 2; half++)
        data[half].effective = data[half].permitted = data[half].inheritable = (__u32)(wanted >> 32 * half);
    if (syscall(SYS_capset, &header, data) < 0)
        return -1;
    for (unsigned long capability = 0; capability < 64; capability++)
        if (wanted >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return -1;
    return 0;
}

int pf_child_take_user(const struct pf_child_order *order)
{
    if (!order->own_user)
        return 0;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_setresuid, order->own_user, order->own_user, order->own_user) < 0)
        return -1;
    return make_ambient(~exempts);
}
