#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/args.h>

#include "descriptor.h"
#include "error_internal.h"
#include "manager_wire.h"
#include "process_internal.h"
#include "stop_internal.h"

static const size_t default_bytes = (size_t)256 << 20;
static const uint64_t start_ms = 10000;
static const uint64_t end_ms = 1000;

struct mproc_manager {
    struct manager_access access;
    struct mproc_process *process; /* NULL where it was not started */
    pid_t owner;                   /* who started it: not its forks */
};

static void finish_access(struct manager_access *access, int door, uint64_t server)
{
    access->shared = mproc_segment_body(&access->handle.segment);
    access->bells = (uint32_t *)(void *)mproc_segment_block(&access->handle.segment);
    access->door = door;
    access->server = server;
}

static struct mproc_segment_shape shape_of_segment(void)
{
    size_t page = mproc_segment_page();
    size_t bells = MANAGER_BELLS * sizeof(uint32_t);

    return (struct mproc_segment_shape){
        .kind = MPROC_SEGMENT_MANAGER, .controls = 1, .block_bytes = (bells + page - 1) / page * page};
}

static int identify(int fd, uint64_t *ret_server)
{
    struct stat status;

    if (fstat(fd, &status))
        return mproc_fail(-errno, "the manager's memory file: %s", strerrordesc_np(errno));
    *ret_server = (uint64_t)status.st_ino;
    return 0;
}

int mproc_manager_unpack(const struct mproc_parcel *parcel, size_t size, void *ret_access)
{
    const struct mproc_parcel memory = {.fds = {parcel->fds[0]}, .nfds = 1};
    const struct mproc_segment_shape shape = shape_of_segment();
    struct manager_access *access;
    socklen_t len = sizeof(int);
    uint64_t server = 0;
    int type = 0;

    if (parcel->nfds != 2)
        return mproc_fail(-EBADMSG, "expected two descriptors, got %u", parcel->nfds);
    if (getsockopt(parcel->fds[1], SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_SEQPACKET)
        return mproc_fail(-EBADMSG, "the door of the manager is no socket of this library");
    int r = identify(parcel->fds[0], &server);
    if (r == 0)
        r = mproc_handle_unpack(&memory, MPROC_SEGMENT_MANAGER, 1, size, &access);
    if (r)
        return r;
    if (access->handle.segment.shape.block_bytes != shape.block_bytes)
        return mproc_handle_reject(access, "a manager has other bells");
    finish_access(access, parcel->fds[1], server);
    memcpy(ret_access, &access, sizeof(access));
    return 0;
}

int mproc_manager_pack(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct manager_access *access = object;
    int r = mproc_handle_pack(access, ret_parcel);

    return r ? r : mproc_parcel_add(ret_parcel, access->door);
}

int mproc_manager_reach(const struct manager_access *access, size_t size, void *ret_access)
{
    struct mproc_parcel parcel;
    int r = mproc_manager_pack(access, &parcel);

    if (r)
        return r;
    r = mproc_manager_unpack(&parcel, size, ret_access);
    if (r) {
        close(parcel.fds[0]);
        close(parcel.fds[1]);
    }
    return r;
}

void mproc_manager_end(void *object)
{
    struct manager_access *access = object;

    close(access->door);
    mproc_handle_end(access);
}

static int start_server(struct mproc_manager *manager, struct mproc_context *context,
                        const struct mproc_manager_options *options, int server_end)
{
    struct mproc_process_options process = {.name = options->name ? options->name : "manager",
                                            .background = true,
                                            .deadline_ns = mproc_deadline_ms(start_ms)};
    struct mproc_args *args;
    /* The same memory with the other end of the door. */
    struct manager_access access = manager->access;

    access.door = server_end;
    int r = mproc_args_new(&args);
    if (r)
        return r;
    mproc_args_add_object(args, &mproc_manager_class, &access);
    r = mproc_args_add_uint(args, options->max_bytes ? options->max_bytes : default_bytes);
    if (r == 0)
        r = mproc_process_start_own(context, MPROC_OWN_MANAGER, args, &process, &manager->process);
    mproc_args_free(args);
    return r;
}

int mproc_manager_start(struct mproc_context *context, const struct mproc_manager_options *options,
                        struct mproc_manager **ret_manager)
{
    static const struct mproc_manager_options defaults;
    const struct mproc_segment_shape shape = shape_of_segment();
    struct mproc_manager *manager;
    uint64_t server = 0;
    int door[2];

    int r = mproc_handle_create("mproc-manager", &shape, sizeof(*manager), &manager);
    if (r)
        return r;
    if (mproc_socketpair(SOCK_NONBLOCK, door)) {
        r = mproc_fail(-errno, "no sockets for a manager: %s", strerrordesc_np(errno));
        mproc_handle_unref(manager);
        mproc_handle_end(manager);
        return r;
    }
    r = identify(manager->access.handle.segment.fd, &server);
    finish_access(&manager->access, door[0], server);
    manager->owner = getpid();
    if (r == 0)
        r = start_server(manager, context, options ? options : &defaults, door[1]);
    close(door[1]);
    if (r) {
        mproc_handle_unref(manager);
        mproc_manager_end(manager);
        return r;
    }
    *ret_manager = manager;
    return 0;
}

struct mproc_manager *mproc_manager_ref(struct mproc_manager *manager)
{
    mproc_handle_ref(manager);
    return manager;
}

static int end_server(struct mproc_manager *manager, uint64_t deadline_ns)
{
    const struct mproc_stop_steps at_once = {0, 0, end_ms};

    __atomic_store_n(&manager->access.shared->ending, 1, __ATOMIC_RELEASE);
    int r = mproc_process_ask(manager->process);
    if (r == 0 || r == -ESRCH) {
        struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
        r = mproc_process_join(manager->process, deadline_ns, NULL);
        mproc_stop_enter(before);
    }
    if (r == 0)
        return 0;
    mproc_process_stop(manager->process, &at_once, NULL);
    return mproc_fail(-ETIMEDOUT, "the manager's server (process %d) had to be killed",
                      (int)mproc_process_pid(manager->process));
}

static bool is_owner(const struct mproc_manager *manager)
{
    return manager->process && manager->owner == getpid();
}

int mproc_manager_stop(struct mproc_manager *manager, uint64_t deadline_ns)
{
    int r = mproc_handle_check(manager, "manager");

    if (r)
        return r;
    if (!is_owner(manager))
        return mproc_fail(-EPERM, "only the process that started a manager can stop it");
    mproc_manager_hang_up(manager->access.server);
    return end_server(manager, deadline_ns);
}

void mproc_manager_unref(struct mproc_manager *manager)
{
    if (!mproc_handle_unref(manager))
        return;
    mproc_manager_hang_up(manager->access.server);
    if (is_owner(manager))
        end_server(manager, mproc_deadline_ms(end_ms));
    if (manager->process)
        mproc_process_free(manager->process);
    mproc_manager_end(manager);
}

void mproc_manager_disconnect(struct mproc_manager *manager)
{
    if (mproc_handle_check(manager, "manager") == 0)
        mproc_manager_hang_up(manager->access.server);
}

pid_t mproc_manager_pid(const struct mproc_manager *manager)
{
    if (mproc_handle_check(manager, "manager"))
        return 0;
    if (manager->process)
        return mproc_process_pid(manager->process);
    return (pid_t)__atomic_load_n(&manager->access.shared->pid, __ATOMIC_RELAXED);
}

int mproc_manager_get_stat(struct mproc_manager *manager, uint64_t deadline_ns,
                           struct mproc_manager_stat *ret_stat)
{
    struct mproc_manager_stat stat;
    struct mproc_args *request;
    struct mproc_args *answer;
    int r = mproc_manager_begin(&manager->access, MANAGER_STAT, 0, deadline_ns, &request);

    if (r == 0)
        r = mproc_manager_call(&manager->access, deadline_ns, NULL, &answer);
    if (r)
        return r;
    r = mproc_args_get_uint(answer, 1, &stat.objects);
    if (r == 0)
        r = mproc_args_get_uint(answer, 2, &stat.bytes);
    if (r == 0)
        r = mproc_args_get_uint(answer, 3, &stat.clients);
    mproc_args_free(answer);
    if (r)
        return mproc_fail(-EBADMSG, "the answer of the manager's server is damaged");
    *ret_stat = stat;
    return 0;
}

static int unpack_manager(const struct mproc_parcel *parcel, void **ret_object)
{
    if (parcel->meta_len != 0)
        return mproc_fail(-EBADMSG, "a manager has no %u bytes", parcel->meta_len);
    return mproc_manager_unpack(parcel, sizeof(struct mproc_manager), ret_object);
}

static void unref_manager(void *object)
{
    mproc_manager_unref(object);
}

const struct mproc_class mproc_manager_class = {"manager", mproc_manager_pack, unpack_manager, unref_manager};

int mproc_args_add_manager(struct mproc_args *args, const struct mproc_manager *manager)
{
    return mproc_args_add_object(args, &mproc_manager_class, manager);
}

int mproc_args_get_manager(const struct mproc_args *args, size_t index, struct mproc_manager **ret_manager)
{
    void *object;
    int r = mproc_args_get_object(args, index, &mproc_manager_class, &object);

    if (r == 0)
        *ret_manager = object;
    return r;
}
