// The kept channels of a block, and fetching their lines ahead, for sums of channels.
#ifndef CK_AVX2_CHANNELS_ADD_H
#define CK_AVX2_CHANNELS_ADD_H

#include "lanes.h"

// The channels of one group that count, in pairs; a last odd one is paired with itself at activation zero.
typedef struct {
    const uint8_t *code[32];
    uint32_t pair[16];  // 4 to 6 bits: two bytes, twice; 8 bits: two 16-bit numbers
    size_t active, pairs;
    int32_t sum;        // of all kept activations
    const char *ahead;  // of a panel: what a later block reads at these outputs; otherwise NULL
} channel_group;

typedef struct {
    channel_group part[2];
} channel_block;

static inline uint32_t pair_of(const int bits, const int8_t two[2]) {
    const uint32_t a = (uint16_t)two[0], b = (uint16_t)two[1];
    return bits == 8 ? a | b << 16 : ((a & 255) | (b & 255) << 8) * 0x10001u;
}

// Lists the channels of `kept` among the 32 from `first` on. A zero adds nothing: it is not read.
static inline void gather(channel_group *restrict g, const int bits, const ck_channels *restrict w,
                          const int8_t *restrict activations, size_t first, uint32_t kept) {
    int8_t value[33];
    size_t n = 0;
    g->sum = 0;
    for (; kept != 0; kept &= kept - 1) {
        const size_t c = (size_t)__builtin_ctz(kept);
        g->code[n] = ck_channel(w, first + c);
        value[n] = activations[first + c];
        g->sum += value[n];
        n += value[n] != 0;
    }
    g->active = n;
    g->pairs = (n + 1) / 2;
    g->ahead = NULL;
    if (n % 2 != 0) {
        g->code[n] = g->code[n - 1];
        value[n] = 0;
    }
    for (size_t p = 0; p < g->pairs; p++) {
        g->pair[p] = pair_of(bits, value + 2 * p);
    }
}

// The same of a panel's group, all of whose channels are kept.
static inline void gather_panel(channel_group *restrict g, const int bits, const ck_channels *restrict w,
                                const int8_t *restrict activations, size_t first, size_t count) {
    const uint8_t *const run = w->codes + first * w->stride;
    g->sum = 0;
    for (size_t c = 0; c < count; c++) {
        g->code[c] = run + c * w->stride;
        g->sum += activations[first + c];
    }
    for (size_t p = 0; p < count / 2; p++) {
        g->pair[p] = pair_of(bits, activations + first + 2 * p);
    }
    g->active = count;
    g->pairs = count / 2;
}

static inline void gather_block(channel_block *restrict to, const int bits, const int group,
                                const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                                size_t block) {
    const uint32_t kept = ck_block_mask(mask, block, w->channels);
    gather(&to->part[0], bits, w, x->codes, 32 * block, group == 16 ? kept & 0xffffu : kept);
    if (group == 16) gather(&to->part[1], bits, w, x->codes, 32 * block, kept & 0xffff0000u);
}

// The kept channels of a block whose activations are not known yet: another call adds it.
static inline void list_channels(channel_block *restrict to, const int group, const ck_channels *w,
                                 uint32_t kept, size_t block) {
    to->part[0].active = to->part[1].active = 0;
    for (; kept != 0; kept &= kept - 1) {
        const size_t c = (size_t)__builtin_ctz(kept);
        channel_group *part = &to->part[c / (size_t)group];
        part->code[part->active++] = ck_channel(w, 32 * block + c);
    }
}

// Asks for the part of a later block that falls to pair p of a panel's group: the bytes of two channels of a unit.
// All at once would wait for each other.
CK_INLINE void fetch_pair(const int bits, const channel_group *restrict g, size_t p) {
    if (g->ahead == NULL) return;
    const char *const part = g->ahead + p * 16 * (size_t)bits;
    ck_ask(part);
    if (bits > 4) ck_ask(part + 64);
}

// The lines that the next block will read, asked for a few per tile, one channel's run after another. Into
// the second cache, since the first one has too few places for lines under way: 19 GB/s instead of 8. Run by
// run instead of the same column of all channels: 18 instead of 13 where runs are short (Q4_1, 1536 outputs).
// One core of a Zen 4 server whose memory plain loads read at 27 GB/s.
enum { FETCH_RUNS = 2 * 32 + 2 * 2 };  // two planes of 32 channels, scales and minima of two groups

typedef struct {
    const uint8_t *from[FETCH_RUNS];
    size_t bytes[FETCH_RUNS], runs, run, at, share;
} fetch_list;

CK_INLINE void fetch_run(fetch_list *restrict f, const uint8_t *from, size_t bytes) {
    const size_t before = (uintptr_t)from % 64;
    f->from[f->runs] = from - before;
    f->bytes[f->runs++] = before + bytes;
    f->share += (before + bytes + 63) / 64;
}

CK_INLINE void fetch_some(fetch_list *restrict f) {
    for (size_t n = f->share; n > 0 && f->run < f->runs; n--) {
        _mm_prefetch((const char *)f->from[f->run] + f->at, _MM_HINT_T1);
        f->at += 64;
        if (f->at < f->bytes[f->run]) continue;
        f->at = 0;
        f->run++;
    }
}

// Plans to fetch what block `b` reads at the outputs from out_begin on.
CK_INLINE void plan_fetch(fetch_list *restrict f, const int bits, const int group, const int levels,
                          const int has_min, const ck_channels *restrict w,
                          const channel_block *restrict block, size_t b, size_t out_begin, size_t out_end) {
    const size_t padded = ck_pad64(w->outputs), first = out_begin / 64,
                 units = ck_pad64(out_end) / 64 - first;
    const size_t low = unit_low_bytes(bits), high = unit_high_bytes(bits), size = levels == 1 ? 2 : 1;
    f->runs = f->run = f->at = f->share = 0;
    for (size_t part = 0; part < (group == 16 ? 2 : 1); part++) {
        const channel_group *g = &block->part[part];
        if (g->active == 0) continue;
        const uint8_t *scale =
            w->groups + (b * (32 / (size_t)group) + part) * w->group_stride + out_begin * size;
        fetch_run(f, scale, units * 64 * size);
        if (has_min) fetch_run(f, scale + padded * size, units * 64 * size);
        for (size_t c = 0; c < g->active; c++) {
            const uint8_t *code = g->code[c];
            fetch_run(f, code + first * low, units * low);
            if (high) fetch_run(f, code + padded / 64 * low + first * high, units * high);
        }
    }
    f->share = f->share / units + 1;
}

#endif
