#include "segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"

static const uint64_t header_magic = UINT64_C(0x314745532d50434d); /* "MCP-SEG1" */
static const uint64_t area_limit = UINT64_C(1) << 40;
static const uint32_t seats_limit = 1024;
static const int required_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

enum { SEATS_PER_PAGE = 2 };

/* Written once, before the descriptor leaves its maker. */
struct header {
    uint64_t magic;
    uint32_t kind;
    uint32_t controls;
    uint64_t ring_bytes;
    uint64_t large_bytes;
    uint32_t seats;
    uint32_t read_only;
    uint64_t block_bytes;
    uint64_t pid_namespace; /* 0 when /proc does not tell */
};

static_assert(sizeof(struct header) <= MPROC_SEGMENT_HEADER, "the header fits its room");

size_t mproc_segment_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t pid_namespace(void)
{
    struct stat status;

    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

static bool fits_area(uint64_t bytes, size_t page_size)
{
    return bytes == 0 || (bytes >= page_size && bytes <= area_limit && (bytes & (bytes - 1)) == 0);
}

static bool is_possible(const struct mproc_segment_shape *shape, size_t page_size)
{
    return shape->controls >= 1 && shape->controls <= 4 && shape->seats <= seats_limit &&
           shape->seats % SEATS_PER_PAGE == 0 && shape->block_bytes <= area_limit &&
           shape->block_bytes % page_size == 0 && fits_area(shape->ring_bytes, page_size) &&
           fits_area(shape->large_bytes, page_size);
}

static size_t seat_bytes(const struct mproc_segment *segment)
{
    return segment->shape.seats / SEATS_PER_PAGE * segment->page_size;
}

/* Where the block begins in the file. */
static uint64_t block_offset(const struct mproc_segment *segment)
{
    return segment->shape.controls * segment->page_size + seat_bytes(segment);
}

static uint64_t ring_offset(const struct mproc_segment *segment)
{
    return block_offset(segment) + segment->shape.block_bytes;
}

static uint64_t touched_bytes(const struct mproc_segment *segment)
{
    return ring_offset(segment) + segment->shape.ring_bytes;
}

static uint64_t file_bytes(const struct mproc_segment *segment)
{
    return touched_bytes(segment) + segment->shape.large_bytes;
}

static bool map_at(const struct mproc_segment *segment, unsigned char *where, size_t size, uint64_t offset)
{
    int protection = segment->is_writable ? PROT_READ | PROT_WRITE : PROT_READ;

    return size == 0 ||
           mmap(where, size, protection, MAP_SHARED | MAP_FIXED, segment->fd, (off_t)offset) != MAP_FAILED;
}

static bool map_parts(const struct mproc_segment *segment)
{
    size_t page = segment->page_size;
    size_t ring = (size_t)segment->shape.ring_bytes;
    unsigned char *where = segment->base;

    for (uint32_t i = 0; i < segment->shape.controls; i++, where += 2 * page) {
        if (!map_at(segment, where, page, i * page))
            return false;
        /* A child of fork() holds none of its parent's locks. */
        if (mprotect(where + page, page, PROT_READ | PROT_WRITE) != 0 ||
            madvise(where + page, page, MADV_WIPEONFORK) != 0)
            return false;
    }
    if (!map_at(segment, where, seat_bytes(segment), segment->shape.controls * page))
        return false;
    where += seat_bytes(segment);
    if (!map_at(segment, where, (size_t)segment->shape.block_bytes, block_offset(segment)))
        return false;
    where += segment->shape.block_bytes;
    return map_at(segment, where, ring, ring_offset(segment)) &&
           map_at(segment, where + ring, ring, ring_offset(segment));
}

static int map_segment(struct mproc_segment *segment)
{
    int err = -ENOMEM;

    segment->mapped = 2 * (segment->shape.controls * segment->page_size + (size_t)segment->shape.ring_bytes) +
                      seat_bytes(segment) + (size_t)segment->shape.block_bytes;
    segment->seat_pages = calloc(segment->shape.seats / SEATS_PER_PAGE + 1, sizeof(*segment->seat_pages));
    segment->base =
        mmap(NULL, segment->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (segment->seat_pages && segment->base != MAP_FAILED) {
        if (map_parts(segment))
            return 0;
        err = -errno;
    }
    if (segment->base != MAP_FAILED)
        munmap(segment->base, segment->mapped);
    free(segment->seat_pages);
    return mproc_fail(err, "cannot map a shared segment of %zu bytes: %s (RLIMIT_AS?)", segment->mapped,
                      strerrordesc_np(-err));
}

static int allocate_file(const char *name, const struct mproc_segment *segment)
{
    uint64_t size = file_bytes(segment);
    struct rlimit limit;

    /* Passing this limit would end the process by SIGXFSZ. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size)
        return mproc_fail(-EFBIG, "%s needs a memory file of %llu bytes, but RLIMIT_FSIZE is %llu", name,
                          (unsigned long long)size, (unsigned long long)limit.rlim_cur);
    /* The kernel would give what it has, and then kill somebody. */
    if (touched_bytes(segment) / segment->page_size >= (uint64_t)sysconf(_SC_PHYS_PAGES))
        return mproc_fail(-ENOMEM, "%s needs %llu bytes of memory, and this machine has no more than %llu",
                          name, (unsigned long long)touched_bytes(segment),
                          (unsigned long long)sysconf(_SC_PHYS_PAGES) * segment->page_size);
    if (ftruncate(segment->fd, (off_t)size) != 0 ||
        fallocate(segment->fd, 0, 0, (off_t)touched_bytes(segment)) != 0)
        return mproc_fail(-errno, "no memory for the %llu bytes of %s: %s",
                          (unsigned long long)touched_bytes(segment), name, strerrordesc_np(errno));
    return 0;
}

/* When its maker has mapped it. */
static int seal_file(const char *name, const struct mproc_segment *segment)
{
    int seals = segment->shape.read_only ? required_seals | F_SEAL_FUTURE_WRITE : required_seals;

    if (fcntl(segment->fd, F_ADD_SEALS, seals) != 0)
        return mproc_fail(-errno, "cannot seal the memory file of %s: %s", name, strerrordesc_np(errno));
    return 0;
}

int mproc_segment_create(const char *name, const struct mproc_segment_shape *shape,
                         struct mproc_segment *ret_segment)
{
    struct mproc_segment segment = {.shape = *shape, .page_size = mproc_segment_page(), .is_writable = true};
    int err = mproc_robust_available();

    if (err)
        return err;
    if (!is_possible(shape, segment.page_size))
        return mproc_fail(-EINVAL, "%s: a size of more than %llu bytes", name,
                          (unsigned long long)area_limit);
    segment.fd = mproc_fd_above(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (segment.fd < 0)
        return mproc_fail(-errno, "cannot make a memory file for %s: %s", name, strerrordesc_np(errno));
    err = allocate_file(name, &segment);
    if (!err)
        err = map_segment(&segment);
    if (err) {
        close(segment.fd);
        return err;
    }
    err = seal_file(name, &segment);
    if (err) {
        mproc_segment_close(&segment);
        return err;
    }
    *(struct header *)mproc_segment_control(&segment, 0) = (struct header){.magic = header_magic,
                                                                           .kind = shape->kind,
                                                                           .controls = shape->controls,
                                                                           .ring_bytes = shape->ring_bytes,
                                                                           .large_bytes = shape->large_bytes,
                                                                           .seats = shape->seats,
                                                                           .read_only = shape->read_only,
                                                                           .block_bytes = shape->block_bytes,
                                                                           .pid_namespace = pid_namespace()};
    *ret_segment = segment;
    return 0;
}

static bool has_lock_in_use(const struct mproc_segment *segment)
{
    for (uint32_t i = 0; i < segment->shape.controls; i++) {
        if (mproc_robust_held_here(mproc_segment_lock(segment, i)))
            return true;
    }
    for (uint32_t i = 0; i < segment->shape.seats; i++) {
        const mproc_robust_word *seat = mproc_segment_own_seat(segment, i, false);
        if (seat && mproc_robust_held_here(seat))
            return true;
    }
    return false;
}

void mproc_segment_unmap(struct mproc_segment *segment)
{
    if (!has_lock_in_use(segment)) {
        for (uint32_t i = 0; i < segment->shape.seats / SEATS_PER_PAGE; i++) {
            if (segment->seat_pages[i])
                munmap(segment->seat_pages[i], 2 * segment->page_size);
        }
        munmap(segment->base, segment->mapped);
    }
    free(segment->seat_pages);
}

void mproc_segment_close(struct mproc_segment *segment)
{
    mproc_segment_unmap(segment);
    close(segment->fd);
}

int mproc_segment_pack(const struct mproc_segment *segment, struct mproc_parcel *ret_parcel)
{
    *ret_parcel = (struct mproc_parcel){.nfds = 0};
    return mproc_parcel_add(ret_parcel, segment->fd);
}

/* Reads instead of mapping: a read past the end of a wrong file is an error, a touch would be SIGBUS. */
static int read_header(int fd, enum mproc_segment_kind kind, uint32_t controls,
                       struct mproc_segment *ret_segment)
{
    struct mproc_segment segment = {.fd = fd, .page_size = mproc_segment_page()};
    struct header header;
    struct stat status;

    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & required_seals) != required_seals)
        return mproc_fail(-EBADMSG, "the descriptor is not a sealed memory file of this library");
    if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) || header.magic != header_magic)
        return mproc_fail(-EBADMSG, "the memory file has no header of this library");
    segment.shape = (struct mproc_segment_shape){.kind = kind,
                                                 .controls = header.controls,
                                                 .seats = header.seats,
                                                 .read_only = header.read_only != 0,
                                                 .block_bytes = header.block_bytes,
                                                 .ring_bytes = header.ring_bytes,
                                                 .large_bytes = header.large_bytes};
    segment.is_writable = !(seals & F_SEAL_FUTURE_WRITE);
    if (header.kind != (uint32_t)kind || header.controls != controls || header.read_only > 1 ||
        segment.is_writable == segment.shape.read_only || !is_possible(&segment.shape, segment.page_size))
        return mproc_fail(-EBADMSG, "the memory file is of another kind (%u, wanted %d) or damaged",
                          header.kind, (int)kind);
    if (fstat(fd, &status) != 0 || (uint64_t)status.st_size != file_bytes(&segment))
        return mproc_fail(-EBADMSG, "the memory file has not the size that its header tells");
    /* What is not there yet could be refused when it is touched, and that is SIGBUS. */
    if ((uint64_t)status.st_blocks * 512 < touched_bytes(&segment))
        return mproc_fail(-EBADMSG, "the memory file has holes");
    if (header.pid_namespace != pid_namespace())
        return mproc_fail(-EXDEV, "made in another PID namespace (%llu): owners of locks cannot be told here",
                          (unsigned long long)header.pid_namespace);
    *ret_segment = segment;
    return 0;
}

int mproc_segment_unpack(const struct mproc_parcel *parcel, enum mproc_segment_kind kind, uint32_t controls,
                         struct mproc_segment *ret_segment)
{
    struct mproc_segment segment;
    int err = mproc_robust_available();

    if (err)
        return err;
    if (parcel->nfds != 1 || parcel->meta_len != 0)
        return mproc_fail(-EBADMSG, "expected one descriptor and no bytes, got %u and %u", parcel->nfds,
                          parcel->meta_len);
    err = read_header(parcel->fds[0], kind, controls, &segment);
    if (!err)
        err = map_segment(&segment);
    if (err)
        return err;
    *ret_segment = segment;
    return 0;
}

void *mproc_segment_control(const struct mproc_segment *segment, uint32_t index)
{
    return segment->base + 2 * index * segment->page_size;
}

void *mproc_segment_body(const struct mproc_segment *segment)
{
    return segment->base + MPROC_SEGMENT_HEADER;
}

mproc_robust_word *mproc_segment_lock(const struct mproc_segment *segment, uint32_t index)
{
    unsigned char *control = mproc_segment_control(segment, index);

    return (mproc_robust_word *)(void *)(control + MPROC_ROBUST_WORD_OFFSET(segment->page_size));
}

static unsigned char *seats_of(const struct mproc_segment *segment)
{
    return segment->base + 2 * segment->shape.controls * segment->page_size;
}

/* From the beginning of a page: the last two places whose list nodes fit into the page behind. */
static size_t seat_offset(const struct mproc_segment *segment, uint32_t index)
{
    return MPROC_ROBUST_WORD_OFFSET(segment->page_size) +
           index % SEATS_PER_PAGE * sizeof(struct mproc_robust_node);
}

mproc_robust_word *mproc_segment_seat(const struct mproc_segment *segment, uint32_t index)
{
    unsigned char *page = seats_of(segment) + index / SEATS_PER_PAGE * segment->page_size;

    return (mproc_robust_word *)(void *)(page + seat_offset(segment, index));
}

/* Maps a page of seats with a private one behind it. Where two threads do so at once, the first one's counts.
 */
static unsigned char *map_seats(const struct mproc_segment *segment, uint32_t page_index)
{
    unsigned char **place = &segment->seat_pages[page_index];
    uint64_t offset = (segment->shape.controls + page_index) * segment->page_size;
    size_t page = segment->page_size;
    unsigned char *before = NULL;
    unsigned char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return NULL;
    if (map_at(segment, pages, page, offset) && madvise(pages + page, page, MADV_WIPEONFORK) == 0 &&
        __atomic_compare_exchange_n(place, &before, pages, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        return pages;
    munmap(pages, 2 * page);
    return before;
}

mproc_robust_word *mproc_segment_own_seat(const struct mproc_segment *segment, uint32_t index, bool map)
{
    unsigned char **place = &segment->seat_pages[index / SEATS_PER_PAGE];
    unsigned char *page = __atomic_load_n(place, __ATOMIC_ACQUIRE);

    if (!page && map)
        page = map_seats(segment, index / SEATS_PER_PAGE);
    return page ? (mproc_robust_word *)(void *)(page + seat_offset(segment, index)) : NULL;
}

unsigned char *mproc_segment_block(const struct mproc_segment *segment)
{
    return seats_of(segment) + seat_bytes(segment);
}

unsigned char *mproc_segment_ring(const struct mproc_segment *segment)
{
    return mproc_segment_block(segment) + segment->shape.block_bytes;
}

uint64_t mproc_segment_large_offset(const struct mproc_segment *segment)
{
    return touched_bytes(segment);
}
