/*
 * An isolated program that runs as root could take away /dev/null from the whole machine: chmod, chown and
 * unlink reach the real nodes, by name and through standard input. On a mount of its own that is read-only
 * they fail, and the devices can be read and written as ever: that does not write to the file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "launch/child.h"

int pf_child_protect_devices(const struct pf_child_place *place)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (place->user_namespace) /* it has no right to any of them */
        return 0;
    int tree = open_tree(AT_FDCWD, "/dev", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return errno == ENOENT ? 0 : -1;
    /* Mounts below, such as /dev/pts, stay as they are. */
    int r = mount_setattr(tree, "", AT_EMPTY_PATH, &read_only, sizeof(read_only));
    if (r == 0)
        r = move_mount(tree, "", AT_FDCWD, "/dev", MOVE_MOUNT_F_EMPTY_PATH);
    else if (errno == ENOSYS)
        r = 0; /* before Linux 5.12 */
    close(tree);
    return r;
}
