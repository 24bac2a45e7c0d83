// The kept channels of a block, for sums of channels.
#ifndef CK_AVX2_CHANNELS_ADD_H
#define CK_AVX2_CHANNELS_ADD_H

#include "lanes.h"
#include "../x86/prefetch.h"

// The channels of one group that count, in pairs; a last odd one is paired with itself at activation zero.
typedef struct {
    const uint8_t *code[32];
    uint32_t pair[16];  // 4 to 6 bits: two bytes, twice; 8 bits: two 16-bit numbers
    size_t pairs;
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
    g->pairs = count / 2;
}

static inline void gather_block(channel_block *restrict to, const int bits, const int group,
                                const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                                size_t block) {
    const uint32_t kept = ck_block_mask(mask, block, w->channels);
    gather(&to->part[0], bits, w, x->codes, 32 * block, group == 16 ? kept & 0xffffu : kept);
    if (group == 16) gather(&to->part[1], bits, w, x->codes, 32 * block, kept & 0xffff0000u);
}

// Asks for the part of a later block that falls to pair p of a panel's group: the bytes of two channels of `count` units.
// All at once would wait for each other.
CK_INLINE void fetch_pair(const int bits, const size_t count, const channel_group *restrict g, size_t p) {
    if (g->ahead == NULL) return;
    const char *const part = g->ahead + p * 16 * (size_t)bits * count;
    ck_ask(part);
    if (bits > 4 || count > 1) ck_ask(part + 64);
}

#endif
