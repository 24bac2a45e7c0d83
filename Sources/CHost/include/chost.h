// What Glibc's Swift overlay hides or cannot express: processor affinity, thread names, feature bits,
// a spin hint, and CRC-32C with the processor's own instruction.
#ifndef CHOST_H
#define CHOST_H

#include <stddef.h>
#include <stdint.h>

// Pins the calling thread to one processor. Returns 0 or an errno value.
int ch_pin_thread(int cpu);

// Fills `cpus` with the numbers of the processors this process may run on, ascending.
// Returns how many there are, which may exceed `capacity`; 0 when the kernel does not tell.
size_t ch_allowed_cpus(int *cpus, size_t capacity);

// Names the calling thread; longer names are cut to 15 bytes.
void ch_name_thread(const char *name);

// The kernel's id of the calling thread.
int ch_thread_id(void);

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `count` bytes, continuing from `crc`;
// start with 0. Chained calls equal one call over the joined bytes. Source: RFC 3720, appendix B.4.
uint32_t ch_crc32c(uint32_t crc, const void *bytes, size_t count);

// Opens `path` with open(2); variadic in C, so Swift cannot call it. Returns a descriptor or -errno.
int ch_open(const char *path, int flags, unsigned mode);

// Opens the regular file `path` for reads that pass the page cache by. Returns a descriptor or -errno, -EINVAL
// where the file system cannot; *alignment is what offsets, lengths and addresses of reads must be multiples of.
int ch_open_direct(const char *path, uint32_t *alignment);

// A queue of reads that the kernel works on at once (io_uring). One thread at a time may use it.
typedef struct ch_ring ch_ring;

// Makes a queue of at least `entries` reads under way. Returns 0 or -errno: -ENOSYS, -EPERM where there is none.
int ch_ring_open(ch_ring **ring, unsigned entries);
void ch_ring_close(ch_ring *ring);

// Queues a read; no more than the queue has entries may be queued or under way. `tag` comes back with its result.
void ch_ring_read(ch_ring *ring, int descriptor, void *bytes, uint32_t count, uint64_t offset, uint64_t tag);

// Starts what is queued. Returns 0 or -errno.
int ch_ring_submit(ch_ring *ring);

// Waits for a read that was started: *result is the bytes read or -errno. Returns 0 or -errno.
int ch_ring_wait(ch_ring *ring, uint64_t *tag, int32_t *result);

// Gives memory that was freed back to the kernel, where the C library keeps it otherwise.
void ch_return_freed_memory(void);

// Adds one to *counter and returns what it held. Orders nothing else.
static inline uint32_t ch_claim(uint32_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

// The same of a wider counter, adding `many`.
static inline uint64_t ch_take(uint64_t *counter, uint64_t many) {
    return __atomic_fetch_add(counter, many, __ATOMIC_RELAXED);
}

// Tells the processor that the calling thread spins.
static inline void ch_relax(void) {
#if defined(__aarch64__)
    __asm__ __volatile__("yield" ::: "memory");
#elif defined(__x86_64__)
    __asm__ __volatile__("pause" ::: "memory");
#endif
}

#endif
