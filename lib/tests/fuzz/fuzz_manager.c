/* The server of a manager, and two clients that send whatever they like: requests of any form, in any order,
 * twice, cancelled or not, or bytes that are none. Each answer is one that a client can read, and what is
 * kept adds up to nothing when all is removed. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args_internal.h"
#include "input.h"
#include "letter.h"
#include "manager_serve.h"

enum { CLIENTS = 2, STEPS_MAX = 40, MAX_BYTES = 1 << 16 };

static struct manager_access access_of_all;
static struct manager_server server;
static int ends[CLIENTS];
static int pidfd;

static void admit(int which)
{
    const struct manager_hello hello = {.magic = MANAGER_MAGIC, .bell = (uint32_t)which};
    int pair[2], fds[2];

    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    fds[0] = pair[1];
    fds[1] = dup(pidfd);
    MUST(mproc_manager_admit(&server, &hello, fds) == 0);
    ends[which] = pair[0];
}

static void set_up(void)
{
    static const struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_MANAGER, .controls = 1, .block_bytes = MANAGER_BELLS * sizeof(uint32_t)};

    if (!server.answer) {
        MUST(mproc_segment_create("fuzz", &shape, &access_of_all.handle.segment) == 0);
        access_of_all.shared = mproc_segment_body(&access_of_all.handle.segment);
        access_of_all.bells = (uint32_t *)(void *)mproc_segment_block(&access_of_all.handle.segment);
        server.access = &access_of_all;
        server.max_bytes = MAX_BYTES;
        server.epoll = epoll_create1(EPOLL_CLOEXEC);
        pidfd = pidfd_open(getpid(), 0);
        MUST(server.epoll >= 0 && pidfd >= 0);
        MUST(mproc_args_new(&server.answer) == 0 && mproc_args_new(&server.late) == 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        admit(i);
}

static void tear_down(void)
{
    struct manager_client *client;

    LIST_FOREACH(client, &server.clients, all)
    {
        mproc_manager_drop(&server, client);
    }
    mproc_manager_bury(&server);
    MUST(LIST_EMPTY(&server.clients) && server.nclients == 0);
    for (uint64_t i = 0; i < server.nids; i++) {
        const struct manager_call call = {.server = &server, .object = server.objects[i]};
        if (call.object)
            MUST(mproc_manager_remove_object(&call) == 0);
    }
    MUST(server.bytes == 0 && server.nobjects == 0 && !server.names);
    free(server.objects);
    server.objects = NULL;
    server.nids = 0;
    for (int i = 0; i < CLIENTS; i++)
        close(ends[i]);
}

/* One operand of a request, of the type that belongs there or of another. */
static void add_operand(struct input *input, struct mproc_args *request)
{
    static const unsigned char values[] = {0x91, 7};
    char text[4] = {0};

    switch (input_byte(input) % 7) {
    case 0:
        mproc_args_add_int(request, (int8_t)input_byte(input));
        break;
    case 1:
        input_take(input, text, 1 + input_byte(input) % 2);
        mproc_args_add_string(request, text);
        break;
    case 2:
        mproc_args_add_bytes(request, values, sizeof(values));
        break;
    case 3:
        mproc_args_add_bytes(request, input->at, input->left < 40 ? input->left : 40);
        break;
    case 4:
        mproc_args_add_bool(request, input_byte(input) & 1);
        break;
    case 5:
        mproc_args_add_uint(request, UINT64_MAX - input_byte(input));
        break;
    default:
        mproc_args_add_nil(request);
    }
}

static void send_request(struct input *input, int which)
{
    struct mproc_args *request;
    struct mproc_args_wire wire;
    uint32_t number = input_byte(input) % 8;

    MUST(mproc_args_new(&request) == 0);
    mproc_args_add_uint(request, input_byte(input) % (MANAGER_OP__COUNT + 1));
    mproc_args_add_uint(request, input_byte(input) % 8);
    mproc_args_add_uint(request, input_byte(input) & 1 ? MPROC_NOW : MPROC_FOREVER);
    for (int i = input_byte(input) % 5; i > 0; i--)
        add_operand(input, request);
    MUST(mproc_args_encode(request, &wire) == 0);
    mproc_letter_send(ends[which], MANAGER_REQUEST, number, wire.bytes, wire.len, NULL, 0);
    free(wire.bytes);
    mproc_args_free(request);
}

static void send_bytes(struct input *input, int which)
{
    unsigned char bytes[128];
    size_t len = input_byte(input) % sizeof(bytes);

    input_take(input, bytes, len);
    if (send(ends[which], bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        MUST(errno == EPIPE || errno == EAGAIN || errno == ECONNRESET);
}

static void hear_all(void)
{
    struct manager_client *client, *next;

    for (client = LIST_FIRST(&server.clients); client; client = next) {
        next = LIST_NEXT(client, all);
        mproc_manager_hear(&server, client);
    }
    mproc_manager_bury(&server);
}

static void read_answers(int which)
{
    struct mproc_letter letter;
    struct mproc_args *answer;
    int64_t status;

    while (mproc_letter_take(ends[which], MAX_BYTES * 2, &letter, &answer) == 0) {
        MUST(letter.cell == MANAGER_ANSWER);
        MUST(mproc_args_get_int(answer, 0, &status) == 0 && status <= 0 && status > -4096);
        mproc_args_free(answer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    set_up();
    for (int i = 0; i < STEPS_MAX && input.left > 0; i++) {
        int which = input_byte(&input) % CLIENTS;
        if (input_byte(&input) % 16)
            send_request(&input, which);
        else
            send_bytes(&input, which);
        hear_all();
        read_answers(which);
        MUST(server.bytes <= MAX_BYTES);
    }
    tear_down();
    return 0;
}
