/* The layers over a trial's files; after fork, so async-signal-safe. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch/child.h"

const char *pf_child_fd_path(char text[PF_CHILD_PATH], int fd, const char *rest)
{
    char digits[12], *digit = digits + sizeof(digits);
    *--digit = '\0';
    do
        *--digit = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    stpcpy(stpcpy(stpcpy(text, "/proc/self/fd/"), digit), rest);
    return text;
}

static int set(int context, const char *key, const char *value)
{
    return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}

static int mount_overlay(const struct pf_child_place *place, const struct pf_child_layer *layer, int store,
                         int lower)
{
    char text[PF_CHILD_PATH], rest[8];
    const struct stat *real = &layer->status;
    if (mkdirat(store, layer->upper, 0700) < 0 || mkdirat(store, layer->work, 0700) < 0)
        return -1;
    /* The overlay's root has what its upper layer has. */
    if (fchownat(store, layer->upper, real->st_uid, real->st_gid, 0) < 0 && !place->user_namespace)
        return -1;
    if (fchmodat(store, layer->upper, real->st_mode & 07777, 0) < 0)
        return -1;
    int context = fsopen("overlay", FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    stpcpy(stpcpy(rest, "/"), layer->upper);
    bool done = set(context, "lowerdir", pf_child_fd_path(text, lower, "")) == 0 &&
                set(context, "upperdir", pf_child_fd_path(text, store, rest)) == 0;
    stpcpy(stpcpy(rest, "/"), layer->work);
    done = done && set(context, "workdir", pf_child_fd_path(text, store, rest)) == 0;
    done = done && (place->user_namespace ? fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0)
                                          : set(context, "redirect_dir", "on")) == 0;
    done = done && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
    int mounted = done ? fsmount(context, FSMOUNT_CLOEXEC, 0) : -1;
    done = mounted >= 0 && move_mount(mounted, "", AT_FDCWD, layer->path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
    int error = errno;
    close(context);
    if (mounted >= 0)
        close(mounted);
    errno = error;
    return done ? 0 : -1;
}

/* The tmpfs is mounted where the first overlay will hide it: a layer must be mounted somewhere. */
static int open_store(const struct pf_child_place *place)
{
    int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || set(context, "mode", "0755") < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    int mounted = fsmount(context, FSMOUNT_CLOEXEC, 0);
    close(context);
    if (mounted < 0 || move_mount(mounted, "", AT_FDCWD, place->layers[0].path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -1;
    /* What fsmount returns is a path only. */
    int store = openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Without extended attributes a directory could not be removed and made again. */
    if (store < 0 ||
        fsetxattr(store, place->user_namespace ? "user.pitfall" : "trusted.pitfall", "y", 1, 0) < 0)
        return -1;
    close(mounted);
    return store;
}

int pf_child_mount_layers(const struct pf_child_place *place)
{
    int lower[PF_LAYERS_MAX], below[PF_MOUNTS_BELOW_MAX];
    for (size_t i = 0; i < place->layer_count; i++)
        if ((lower[i] = open(place->layers[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
            return -1;
    for (size_t i = 0; i < place->below_count; i++)
        if ((below[i] = open_tree(AT_FDCWD, place->below[i],
                                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)) < 0)
            return -1;
    int store = open_store(place);
    if (store < 0)
        return -1;
    for (size_t i = place->layer_count; i-- > 0;)
        if (mount_overlay(place, &place->layers[i], store, lower[i]) < 0)
            return -1;
    for (size_t i = 0; i < place->below_count; i++)
        if (move_mount(below[i], "", AT_FDCWD, place->below[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
            return -1;
    /* What was the working directory is under the layer now. */
    return chdir(place->layers_directory) < 0 ? -1 : store;
}
