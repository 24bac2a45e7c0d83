#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chost.h"

// The kernel's rings, as io_uring_setup(2) lays them out: they share one mapping.
struct ch_ring {
    int descriptor;
    unsigned entries, queued;
    uint8_t *rings;
    size_t ring_bytes;
    struct io_uring_sqe *requests;
    unsigned *tail, *mask, *numbers;
    unsigned *done_head, *done_tail, *done_mask;
    struct io_uring_cqe *done;
};

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

int ch_ring_open(ch_ring **out, unsigned entries) {
    struct io_uring_params facts;
    memset(&facts, 0, sizeof facts);
    const int descriptor = (int)syscall(SYS_io_uring_setup, entries, &facts);
    if (descriptor < 0) return -errno;
    ch_ring *const ring = calloc(1, sizeof *ring);
    if (ring == NULL || !(facts.features & IORING_FEAT_SINGLE_MMAP)) {
        free(ring);
        close(descriptor);
        return ring == NULL ? -ENOMEM : -ENOSYS;
    }
    ring->descriptor = descriptor;
    ring->entries = facts.sq_entries;
    ring->ring_bytes = larger(facts.sq_off.array + facts.sq_entries * sizeof(unsigned),
                              facts.cq_off.cqes + facts.cq_entries * sizeof(struct io_uring_cqe));
    ring->rings = mmap(NULL, ring->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor,
                       IORING_OFF_SQ_RING);
    ring->requests = mmap(NULL, ring->entries * sizeof *ring->requests, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_POPULATE, descriptor, IORING_OFF_SQES);
    if (ring->rings == MAP_FAILED || ring->requests == MAP_FAILED) {
        const int error = errno;
        ch_ring_close(ring);
        return -error;
    }
    ring->tail = (unsigned *)(ring->rings + facts.sq_off.tail);
    ring->mask = (unsigned *)(ring->rings + facts.sq_off.ring_mask);
    ring->numbers = (unsigned *)(ring->rings + facts.sq_off.array);
    ring->done_head = (unsigned *)(ring->rings + facts.cq_off.head);
    ring->done_tail = (unsigned *)(ring->rings + facts.cq_off.tail);
    ring->done_mask = (unsigned *)(ring->rings + facts.cq_off.ring_mask);
    ring->done = (struct io_uring_cqe *)(ring->rings + facts.cq_off.cqes);
    *out = ring;
    return 0;
}

void ch_ring_close(ch_ring *ring) {
    if (ring->rings != NULL && ring->rings != MAP_FAILED) munmap(ring->rings, ring->ring_bytes);
    if (ring->requests != NULL && ring->requests != MAP_FAILED)
        munmap(ring->requests, ring->entries * sizeof *ring->requests);
    close(ring->descriptor);
    free(ring);
}

void ch_ring_read(ch_ring *ring, int descriptor, void *bytes, uint32_t count, uint64_t offset, uint64_t tag) {
    const unsigned tail = *ring->tail, slot = tail & *ring->mask;
    struct io_uring_sqe *const request = &ring->requests[slot];
    memset(request, 0, sizeof *request);
    request->opcode = IORING_OP_READ;
    request->fd = descriptor;
    request->addr = (uint64_t)(uintptr_t)bytes;
    request->len = count;
    request->off = offset;
    request->user_data = tag;
    ring->numbers[slot] = slot;
    __atomic_store_n(ring->tail, tail + 1, __ATOMIC_RELEASE);
    ring->queued++;
}

static int enter(ch_ring *ring, unsigned submit, unsigned wait) {
    for (;;) {
        const long got = syscall(SYS_io_uring_enter, ring->descriptor, submit, wait,
                                 wait > 0 ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
        if (got >= 0) return (int)got;
        if (errno != EINTR && errno != EAGAIN && errno != EBUSY) return -errno;
    }
}

int ch_ring_submit(ch_ring *ring) {
    while (ring->queued > 0) {
        const int taken = enter(ring, ring->queued, 0);
        if (taken < 0) return taken;
        ring->queued -= (unsigned)taken;
    }
    return 0;
}

int ch_ring_wait(ch_ring *ring, uint64_t *tag, int32_t *result) {
    const unsigned head = *ring->done_head;
    while (head == __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE)) {
        const int entered = enter(ring, 0, 1);
        if (entered < 0) return entered;
    }
    const struct io_uring_cqe *const done = &ring->done[head & *ring->done_mask];
    *tag = done->user_data;
    *result = done->res;
    __atomic_store_n(ring->done_head, head + 1, __ATOMIC_RELEASE);
    return 0;
}

int ch_open_direct(const char *path, uint32_t *alignment) {
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
    if (descriptor < 0) return -errno;
    *alignment = 4096;
#ifdef STATX_DIOALIGN
    struct statx facts;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) == 0 && (facts.stx_mask & STATX_DIOALIGN)) {
        if (facts.stx_dio_offset_align == 0 || facts.stx_dio_offset_align > 4096 || facts.stx_dio_mem_align > 4096) {
            close(descriptor);
            return -EINVAL;
        }
        *alignment = facts.stx_dio_offset_align > facts.stx_dio_mem_align ? facts.stx_dio_offset_align
                                                                          : facts.stx_dio_mem_align;
    }
#endif
    return descriptor;
}
