// The active channels of a block, and fetching their lines ahead, for sums of channels.
#ifndef CK_NEON_CHANNELS_ADD_H
#define CK_NEON_CHANNELS_ADD_H

#include "lanes.h"
#include "tables.h"

// The active channels of one group (a block of 32, or half of one), filled up to a multiple of four with
// channels of activation zero: the last one again, whose lines are at hand.
typedef struct {
    const uint8_t *code[32];
    int8_t act[32];
    int active, padded;
    int32_t sum;  // of the activations
} channel_group;

typedef struct {
    channel_group part[2];
    int any;
} channel_block;

// Lists the channels of `kept` among the 32 from `first` on. act: their activations; a zero adds nothing, and is not read.
static inline void gather_group(channel_group *restrict g, const ck_channels *w, const int8_t *restrict act,
                                size_t first, uint32_t kept) {
    int n = 0;
    g->sum = 0;
    for (; kept != 0; kept &= kept - 1) {
        const size_t c = (size_t)__builtin_ctz(kept);
        g->code[n] = ck_channel(w, first + c);
        g->act[n] = act[c];
        g->sum += act[c];
        n += act[c] != 0;
    }
    g->active = n;
    for (; n % 4 != 0; n++) g->code[n] = g->code[g->active - 1], g->act[n] = 0;
    g->padded = n;
}

// The same of a panel's group, all of whose channels are kept.
static inline void gather_panel(channel_group *restrict g, const ck_channels *w, const int8_t *restrict act,
                                size_t first, int count) {
    const uint8_t *const run = w->codes + first * w->stride;
    g->sum = 0;
    for (int c = 0; c < count; c++) {
        g->code[c] = run + (size_t)c * w->stride;
        g->sum += act[c];
    }
    memcpy(g->act, act, (size_t)count);
    g->active = g->padded = count;
}

// act: the block's activations.
static inline void gather_block(channel_block *restrict b, const ck_channels *w, const int8_t *act,
                                const uint32_t *mask, size_t block, int group) {
    const uint32_t kept = ck_block_mask(mask, block, w->channels), first = group == 16 ? 0xffff : 0xffffffff;
    gather_group(&b->part[0], w, act, 32 * block, kept & first);
    gather_group(&b->part[1], w, act, 32 * block, kept & ~first);
    b->any = b->part[0].active + b->part[1].active > 0;
}

// Runs of cache lines to fetch, taken in order: whole rows, as memory likes them.
typedef struct {
    const uint8_t *begin[2 * 32 + 8], *end[2 * 32 + 8];
    size_t count, next, lines;
} fetch_list;

static inline void fetch_add(fetch_list *f, const uint8_t *p, size_t bytes) {
    f->begin[f->count] = p;
    f->end[f->count] = p + bytes;
    f->count++;
    f->lines += bytes / 64 + 1;
}

static inline void fetch_some(fetch_list *f, size_t lines) {
    const uint8_t *p = f->begin[f->next];
    for (; lines > 0 && f->next < f->count; lines--) {
        __builtin_prefetch(p);
        p += 64;
        if (p >= f->end[f->next] && ++f->next < f->count) p = f->begin[f->next];
    }
    if (f->next < f->count) f->begin[f->next] = p;
}

#endif
