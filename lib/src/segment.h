/*
 * Segments: the shared memory of an object, one sealed memfd.
 *
 *   file:    | control 0 | control 1 | … | seats | block | ring (a power of two) | large area, sparse |
 *   mapped:  | control 0 | private | control 1 | private | … | seats | block | ring | the same ring again |
 *
 * Each control page ends with a robust lock, whose list node lies in the private page behind it, out of reach
 * of other processes. Seats are robust locks too, two at the end of each page; they are mapped for reading,
 * and once more with a private page behind for each that a thread of this process takes. The ring is mapped
 * twice in a row, so that what wraps around is contiguous. All but the large area is preallocated and the
 * file can neither shrink nor grow, so touching them cannot raise SIGBUS. The large area is not mapped; its
 * pages are there once written.
 */
#ifndef MPROC_SEGMENT_H
#define MPROC_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"
#include "robust.h"

enum mproc_segment_kind {
    MPROC_SEGMENT_MUTEX = 1,
    MPROC_SEGMENT_QUEUE,
    MPROC_SEGMENT_EVENT,
    MPROC_SEGMENT_POOL,
    MPROC_SEGMENT_RLOCK,
    MPROC_SEGMENT_SEMAPHORE,
    MPROC_SEGMENT_CONDITION,
    MPROC_SEGMENT_BARRIER,
    MPROC_SEGMENT_RWLOCK,
    MPROC_SEGMENT_SHM,
    MPROC_SEGMENT_MANAGER,
};

struct mproc_segment_shape {
    enum mproc_segment_kind kind;
    uint32_t controls;    /* pages */
    uint32_t seats;       /* an even number, or 0 */
    bool read_only;       /* nobody can map it for writing any more but who has already */
    uint64_t block_bytes; /* whole pages */
    uint64_t ring_bytes;  /* 0, or a power of two of at least a page */
    uint64_t large_bytes; /* 0, or a power of two of at least a page */
};

struct mproc_segment {
    struct mproc_segment_shape shape;
    int fd;
    size_t page_size;
    bool is_writable; /* mapped so */
    unsigned char *base;
    size_t mapped;
    unsigned char **seat_pages; /* with their private pages; NULL where no seat was taken */
};

/* Control 0 begins with the segment's own header; what an object keeps there starts behind it. */
enum { MPROC_SEGMENT_HEADER = 64 };

/* Makes a segment, zeroed. Errors: -EINVAL, -ENOMEM, -ENOSPC, -EMFILE, -ENFILE, -EFBIG (RLIMIT_FSIZE),
 * -ENOTSUP; all with detail. */
int mproc_segment_create(const char *name, const struct mproc_segment_shape *shape,
                         struct mproc_segment *ret_segment);

/* Unmaps, unless a thread of this process still holds a lock in it: the kernel will look at that lock's
 * memory, so it stays mapped until the process ends. Leaves the descriptor open. */
void mproc_segment_unmap(struct mproc_segment *segment);

/* Unmaps and closes. */
void mproc_segment_close(struct mproc_segment *segment);

/* The size of a page. */
size_t mproc_segment_page(void);

/* Packs a segment into a parcel. Errors: -EMFILE. */
int mproc_segment_pack(const struct mproc_segment *segment, struct mproc_parcel *ret_parcel);

/* Maps a segment of this kind out of a parcel. Takes the descriptor on success only. Errors: -EBADMSG not a
 * segment of this kind, or damaged; -EXDEV made in another PID namespace, where thread ids mean something
 * else; -ENOMEM, -ENOTSUP; all with detail. */
int mproc_segment_unpack(const struct mproc_parcel *parcel, enum mproc_segment_kind kind, uint32_t controls,
                         struct mproc_segment *ret_segment);

/* Where an object's own words begin in control 0. */
void *mproc_segment_body(const struct mproc_segment *segment);

void *mproc_segment_control(const struct mproc_segment *segment, uint32_t index);
mproc_robust_word *mproc_segment_lock(const struct mproc_segment *segment, uint32_t index);

/* The word of a seat, to look at and to wait for. */
mproc_robust_word *mproc_segment_seat(const struct mproc_segment *segment, uint32_t index);

/* The same word where this process can take it as a lock; NULL when it never did, or, with `map`, when there
 * is no memory. Threads: any. */
mproc_robust_word *mproc_segment_own_seat(const struct mproc_segment *segment, uint32_t index, bool map);

unsigned char *mproc_segment_block(const struct mproc_segment *segment);
unsigned char *mproc_segment_ring(const struct mproc_segment *segment);

/* Where in the file the large area begins. */
uint64_t mproc_segment_large_offset(const struct mproc_segment *segment);

#endif
