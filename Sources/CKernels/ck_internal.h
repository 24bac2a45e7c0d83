// What the kernel folders share: the tables that exist in this build, and how to read packed weights one by one.
#ifndef CK_INTERNAL_H
#define CK_INTERNAL_H

#include <string.h>

#include "include/ckernels.h"

extern const ck_table ck_table_scalar;
#if defined(__x86_64__)
extern const ck_table ck_table_avx2, ck_table_avx512;
#endif
#if defined(__aarch64__)
extern const ck_table ck_table_neon, ck_table_neon_dotprod, ck_table_neon_i8mm;
#endif

static inline size_t ck_pad64(size_t n) { return (n + 63) / 64 * 64; }

static inline uint16_t ck_load16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}

// Where record r lies: by its place where there are places, else by the stride.
static inline const uint8_t *ck_record(const uint8_t *base, size_t stride, const uint32_t *places, size_t r) {
    return base + (places ? (size_t)places[r] * CK_PLACE_BYTES : r * stride);
}

static inline const uint8_t *ck_row(const ck_rows *w, size_t r) {
    return ck_record(w->base, w->stride, w->places, r);
}

static inline const uint8_t *ck_channel(const ck_channels *w, size_t c) {
    return ck_record(w->codes, w->stride, w->places, c);
}

// Record i of those ahead.
static inline const uint8_t *ck_ahead_record(const ck_ahead *ahead, size_t i) {
    return ck_record(ahead->base, ahead->stride, ahead->places, ahead->list[i]);
}

// Share i of `count` of what is ahead.
static inline ck_ahead ck_ahead_share(const ck_ahead *ahead, size_t i, size_t count) {
    ck_ahead share = *ahead;
    if (share.count == 0) return share;
    const size_t begin = ahead->count * i / count;
    share.list += begin;
    share.count = ahead->count * (i + 1) / count - begin;
    return share;
}

// f16 to float, exactly; written out because a compiler for plain x86-64 has no instruction for it.
static inline float ck_half(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t magnitude = h & 0x7fffu;
    uint32_t bits;
    if (magnitude >= 0x7c00u) {
        bits = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13;
    } else if (magnitude >= 0x400u) {
        bits = sign | ((magnitude << 13) + 0x38000000u);
    } else {
        const float subnormal = (float)magnitude * 0x1p-24f;
        memcpy(&bits, &subnormal, 4);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline float ck_half_at(const uint8_t *base, size_t index) { return ck_half(ck_load16(base + 2 * index)); }

// Element d of a row of the cache.
static inline float ck_cached(const uint8_t *row, size_t d, size_t head_dim, int bits) {
    if (bits == CK_CACHE_HALF) return ck_half_at(row, d);
    return (float)(int8_t)row[d] * ck_half_at(row + head_dim, d / CK_CACHE_GROUP);
}

// Bytes of a float weight.
static inline __attribute__((always_inline)) size_t ck_float_bytes(const int bits) { return bits == CK_F32 ? 4 : 2; }

// Bytes that 64 codes take in their low plane, and in the plane of the bits above.
static inline __attribute__((always_inline)) size_t ck_low_bytes(const int bits) { return bits == 8 ? 64 : 32; }
static inline __attribute__((always_inline)) size_t ck_high_bytes(const int bits) {
    return bits == 5 ? 8 : bits == 6 ? 16 : 0;
}

static inline int ck_is_float(const ck_form *form) { return form->bits >= CK_F16; }

// Bytes of n codes, n being padded to 64.
static inline size_t ck_packed_bytes(const ck_form *form, size_t padded) {
    if (ck_is_float(form)) return padded * ck_float_bytes(form->bits);
    return padded / 64 * (ck_low_bytes(form->bits) + ck_high_bytes(form->bits));
}

// Code i of a packed run of `padded` codes, before the offset is subtracted.
static inline int32_t ck_code(const ck_form *form, const uint8_t *run, size_t padded, size_t i) {
    if (form->bits == 8) return (int8_t)run[i];
    const size_t unit = i / 64, r = i % 64;
    const uint8_t byte = run[unit * 32 + r % 32];
    int32_t code = r < 32 ? byte & 15 : byte >> 4;
    const uint8_t *high = run + padded / 2;
    if (form->bits == 5) code |= (high[i / 8] >> (i % 8) & 1) << 4;
    if (form->bits == 6) code |= (high[unit * 16 + r % 16] >> (2 * (r / 16)) & 3) << 4;
    return code;
}

// Element i of a run of float codes.
static inline float ck_float_code(const ck_form *form, const uint8_t *run, size_t i) {
    if (form->bits == CK_F16) return ck_half_at(run, i);
    uint32_t bits;
    if (form->bits == CK_BF16) {
        bits = (uint32_t)ck_load16(run + 2 * i) << 16;
    } else {
        memcpy(&bits, run + 4 * i, 4);
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

// Scale and min of group g in the scales that follow a row's codes; columns padded to `padded`.
static inline void ck_row_scale(const ck_form *form, const uint8_t *scales, size_t padded, size_t g, float *scale,
                                float *min) {
    const size_t groups = padded / form->group;
    if (form->levels == 1) {
        *scale = ck_half_at(scales, g);
        *min = form->has_min ? ck_half_at(scales + 2 * groups, g) : 0;
        return;
    }
    const size_t kinds = form->has_min ? 2 : 1, supers = (padded + 255) / 256, s = g * form->group / 256;
    const uint8_t *super = scales + groups * kinds;
    *scale = ck_half_at(super, s) * (float)(int8_t)scales[g];
    *min = form->has_min ? ck_half_at(super + 2 * supers, s) * (float)(int8_t)scales[groups + g] : 0;
}

// Scale and min of channel group g for output j of a channel-major matrix.
static inline void ck_plane_scale(const ck_channels *w, size_t g, size_t j, float *scale, float *min) {
    const ck_form *form = &w->form;
    const size_t outputs = ck_pad64(w->outputs);
    const uint8_t *plane = w->groups + g * w->group_stride;
    if (form->levels == 1) {
        *scale = ck_half_at(plane, j);
        *min = form->has_min ? ck_half_at(plane + 2 * outputs, j) : 0;
        return;
    }
    const uint8_t *super = w->supers + g * form->group / 256 * w->super_stride;
    *scale = ck_half_at(super, j) * (float)(int8_t)plane[j];
    *min = form->has_min ? ck_half_at(super + 2 * outputs, j) * (float)(int8_t)plane[outputs + j] : 0;
}

// The mask of block b of a matrix of n channels: which of its 32 channels are kept.
static inline uint32_t ck_block_mask(const uint32_t *mask, size_t b, size_t n) {
    const size_t left = n - b * 32;
    const uint32_t there = left >= 32 ? 0xffffffffu : (1u << left) - 1;
    return mask ? mask[b] & there : there;
}

// The mask of the block after b, also when that is another call's; 0 past the last.
static inline uint32_t ck_next_mask(const uint32_t *mask, size_t b, size_t n) {
    return (b + 1) * 32 < n ? ck_block_mask(mask, b + 1, n) : 0;
}

// Whether a call adds a panel: two units of outputs whose channels lie one behind the other, so that what the next
// block reads is what comes next in memory.
static inline int ck_is_panel(const ck_channels *w, size_t out_begin, size_t out_end) {
    return out_begin == 0 && out_end > 64 && ck_pad64(w->outputs) == 128 && ck_pad64(out_end) == 128 &&
           w->places == NULL && w->stride == ck_packed_bytes(&w->form, 128);
}

// Whether what is asked for should go to the second cache only. Cores of AMD before Zen 5 can have few lines under way to
// the first one; so may others. `Benchmarks/kernels/pieces.c` on Zen 4, half of the pieces of 1,664 bytes, GB/s asked for at
// once | with the best pace: into the first cache 9 | 9 of one core, 18 | 18 of two, into the second 19 | 24 and 29 | 29, where
// plain reading gets 34 and 36.
#if defined(__x86_64__)
extern int ck_asks_second_cache;
#else
enum { ck_asks_second_cache = 0 };
#endif

// Asks for a line that a kernel is going to read.
static inline __attribute__((always_inline)) void ck_ask(const void *line) {
    if (ck_asks_second_cache) {
        __builtin_prefetch(line, 0, 2);
    } else {
        __builtin_prefetch(line, 0, 3);
    }
}

// How far ahead of memory that is read in order the pages are walked to, in bytes.
enum { CK_PAGES_AHEAD = 8192 };

// Where a line begins a page, asks for one of a page further on: what is asked for of a page that the core must walk to
// seems to be dropped, so the walk must come first. A virtual machine walks twice, and sees pages of 4 KiB however large
// they are inside.
static inline __attribute__((always_inline)) void ck_touch_page(const uint8_t *line) {
    if ((uintptr_t)line % 4096 < 64) __builtin_prefetch(line + CK_PAGES_AHEAD, 0, 2);
}

// Asks for a line of memory that is read from end to end, and walks to a later page in time. Zen 5 in a virtual machine, 2
// threads, share of plain reading without | with both: panels of Q4_K 70 | 92 %; rows of Q4_K 40 | 80 %, which the core
// alone was left to foresee.
static inline __attribute__((always_inline)) void ck_ask_in_order(const uint8_t *line) {
    ck_touch_page(line);
    ck_ask(line);
}

// Asks for the kept channels, of `size` bytes, of the block of a panel that lies `bytes` or a little more behind block b.
static inline __attribute__((always_inline)) void ck_ask_kept(const size_t size, const size_t bytes,
                                                              const ck_channels *panel, const uint32_t *mask,
                                                              size_t b) {
    const size_t later = b + (bytes + 32 * size - 1) / (32 * size);
    if (32 * later >= panel->channels) return;
    const uint8_t *const block = panel->codes + later * 32 * size;
    if ((uintptr_t)block % 4096 < 32 * size) __builtin_prefetch(block + CK_PAGES_AHEAD, 0, 2);  // see `ck_touch_page`
    for (uint32_t kept = ck_block_mask(mask, later, panel->channels); kept != 0; kept &= kept - 1) {
        const uint8_t *const channel = block + (size_t)__builtin_ctz(kept) * size;
        ck_ask(channel);
        if (size > 64) ck_ask(channel + size - 1);
    }
}

// How many entries of a list of rows lie between the row that is computed and the one that is asked for.
enum { CK_LIST_AHEAD = 16 };

// The entry to ask for while list[begin] is computed: CK_LIST_AHEAD on, or the list's end.
static inline const uint32_t *ck_list_ahead(const uint32_t *list, size_t begin) {
    if (list == NULL) return NULL;
    const uint32_t *ahead = list + begin;
    for (size_t i = 0; i < CK_LIST_AHEAD && *ahead != CK_LIST_END; i++) ahead++;
    return ahead;
}

// Blocks of 32 rows or channels whose kept ones are listed at a time, in scratch.
enum { CK_LISTED_BLOCKS = 2048, CK_LISTED_NEXT = 2 };

// Of scratch, what such a list takes, a multiple of 64; what is left has room for an arrangement.
enum { CK_LIST_BYTES = (32 * (CK_LISTED_BLOCKS + CK_LISTED_NEXT) + 16) * (int)sizeof(uint32_t) };
_Static_assert(CK_LIST_BYTES + CK_ARRANGEMENT_BYTES <= CK_SCRATCH_BYTES, "both lie in scratch");

// Lists the kept ones of `count` rows or channels in the blocks begin ..< end; returns how many those are.
static inline size_t ck_list_kept(uint32_t *restrict list, const uint32_t *restrict mask, size_t begin, size_t end,
                                size_t count) {
    size_t listed = 0;
    for (size_t b = begin; b < end; b++) {
        for (uint32_t left = ck_block_mask(mask, b, count); left != 0; left &= left - 1) {
            list[listed++] = (uint32_t)(b * 32) + (uint32_t)__builtin_ctz(left);
        }
    }
    list[listed] = CK_LIST_END;
    return listed;
}

// Asking for what a token's attention reads, keys from first to last and then values: since the token before, the
// weights of all layers have gone through the caches. Zen 5, 2 threads: SmolLM2 behind 128 tokens 311 -> 335 tokens/s,
// Qwen2.5 1.5B behind 1,900 tokens 28 to 36 -> 41.
typedef struct {
    const uint8_t *keys, *values;
    size_t bytes, asked;  // of the keys, and as many of the values; of both together
} ck_cache_walk;

enum { CK_CACHE_AHEAD = 4096 };

// Asks for what follows the first `done` bytes of both.
static inline void ck_ask_cached(ck_cache_walk *walk, size_t done) {
    const size_t both = 2 * walk->bytes, end = done + CK_CACHE_AHEAD < both ? done + CK_CACHE_AHEAD : both;
    for (; walk->asked < end; walk->asked += 64) {
        ck_ask_in_order(walk->asked < walk->bytes ? walk->keys + walk->asked
                                                  : walk->values + (walk->asked - walk->bytes));
    }
}

// Begins with the first bytes. The queries of a batch find the cache near, so that nothing is asked for.
static inline ck_cache_walk ck_ask_cache(const ck_attention *job, size_t positions) {
    const size_t bytes = job->queries <= job->group ? (positions * job->kv_stride + 63) / 64 * 64 : 0;
    ck_cache_walk walk = {job->k, job->v, bytes, 0};
    ck_ask_cached(&walk, 0);
    return walk;
}

// Asks for the first rows of a list, up to the stride, which the call before may not have foretold.
static inline void ck_ask_first(const ck_rows *w, const uint32_t *list) {
    for (size_t i = 0; i < CK_LIST_AHEAD && list[i] != CK_LIST_END; i++) {
        const uint8_t *row = ck_row(w, list[i]);
        for (size_t b = 0; b < w->stride; b += 64) __builtin_prefetch(row + b, 0, 2);
    }
}

#endif
