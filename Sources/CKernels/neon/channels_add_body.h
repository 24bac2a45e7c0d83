// Sums of channels, once per instruction set. Before including it define
//   CK_TARGET       the functions' target attribute
//   CK_NAME(name)   the name for this instruction set
//   CK_TILE_SUMS    void (int32x4_t acc[16], const channel_group *, size_t low, size_t high, int bits):
//                   adds activation times code to acc for 64 outputs; low and high are the bytes from a
//                   channel's code to these outputs in either plane
//
// A tile of 64 outputs keeps its integer sums in registers over all channels of a group; scales, minima and y
// are touched once per group and tile. While a block is added, the next one's lines are fetched.

#include "channels_add.h"

// Where the planes of one group begin for one tile, and the group's factors.
typedef struct {
    const uint8_t *scale, *min, *super, *super_min;
    float act_scale, act_sum;
} CK_NAME(tile_planes);

CK_TARGET CK_INLINE void CK_NAME(add_tile)(float *restrict y, const int32x4_t acc[16],
                                           const CK_NAME(tile_planes) * p, int levels, int has_min) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int8x16_t sub = levels == 2 ? vld1q_s8((const int8_t *)p->scale + 16 * i) : vdupq_n_s8(0);
        const int8x16_t sub_min =
            levels == 2 && has_min ? vld1q_s8((const int8_t *)p->min + 16 * i) : vdupq_n_s8(0);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const int at = 4 * i + k;
            const float32x4_t dot = vcvtq_f32_s32(acc[at]);
            float32x4_t sum = vld1q_f32(y + 4 * at);
            if (levels == 1) {
                sum = vfmaq_f32(sum, dot, vmulq_n_f32(halves4(p->scale + 8 * at), p->act_scale));
                if (has_min) sum = vfmsq_n_f32(sum, halves4(p->min + 8 * at), p->act_sum);
            } else {
                const float32x4_t scale = vmulq_n_f32(bytes_as_floats(sub, k), p->act_scale);
                sum = vfmaq_f32(sum, vmulq_f32(dot, scale), halves4(p->super + 8 * at));
                if (has_min) {
                    const float32x4_t min = vmulq_n_f32(bytes_as_floats(sub_min, k), p->act_sum);
                    sum = vfmsq_f32(sum, min, halves4(p->super_min + 8 * at));
                }
            }
            vst1q_f32(y + 4 * at, sum);
        }
    }
}

// What the next block will read in the units begin ..< end.
CK_INLINE void CK_NAME(plan_fetch)(fetch_list *f, const ck_channels *w, const channel_block *b, size_t block,
                                   size_t begin, size_t end, int bits, int group, int levels, int has_min) {
    const size_t units = units_of(w->outputs), low = ck_low_bytes(bits), high = ck_high_bytes(bits);
    const size_t one = levels == 1 ? 2 : 1;
    f->count = f->next = f->lines = 0;
    for (int part = 0; part < 32 / group; part++) {
        const channel_group *const g = &b->part[part];
        if (g->active == 0) continue;
        const uint8_t *const scale =
            w->groups + (block * (32 / (size_t)group) + (size_t)part) * w->group_stride;
        for (size_t plane = 0; plane <= (size_t)has_min; plane++)
            fetch_add(f, scale + (plane * units + begin) * 64 * one, (end - begin) * 64 * one);
        for (int c = 0; c < g->active; c++) {
            fetch_add(f, g->code[c] + begin * low, (end - begin) * low);
            if (high > 0) fetch_add(f, g->code[c] + units * low + begin * high, (end - begin) * high);
        }
    }
}

// What the group `part` of a block adds to the 64 outputs of `unit`.
CK_TARGET CK_INLINE void CK_NAME(add_group)(float *restrict y, const ck_channels *w,
                                            const ck_activations *restrict x, const channel_group *g,
                                            size_t block, int part, size_t unit, int bits, int group,
                                            int levels, int has_min, int offset) {
    const size_t units = units_of(w->outputs), low = ck_low_bytes(bits), high = ck_high_bytes(bits);
    const size_t one = levels == 1 ? 2 : 1, row = block * (32 / (size_t)group) + (size_t)part;
    const int net = offset - unpack_bias(bits);
    CK_NAME(tile_planes) p;
    p.scale = w->groups + row * w->group_stride + unit * 64 * one;
    p.min = p.scale + units * 64 * one;
    p.super = w->supers + block / 8 * w->super_stride + unit * 128;
    p.super_min = p.super + units * 128;
    p.act_scale = x->scale32[block];
    p.act_sum = p.act_scale * (float)g->sum;
    int32x4_t acc[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) acc[i] = vdupq_n_s32(-net * g->sum);
    CK_TILE_SUMS(acc, g, unit * low, units * low + unit * high, bits);
    CK_NAME(add_tile)(y + unit * 64, acc, &p, levels, has_min);
}

// The blocks of a panel. Of the next one the kept channels are asked for.
CK_TARGET CK_INLINE void CK_NAME(add_panel)(float *restrict y, const ck_channels *w,
                                            const ck_activations *restrict x, const uint32_t *restrict mask,
                                            size_t block_begin, size_t block_end, int bits, int group, int levels,
                                            int has_min, int offset) {
    const size_t channel = 16 * (size_t)bits, planes = 32 / (size_t)group * w->group_stride;
    for (size_t block = block_begin; block < block_end; block++) {
        const uint32_t kept = ck_block_mask(mask, block, w->channels);
        if (kept == 0) continue;
        const int is_whole = kept == 0xffffffff;
        const uint8_t *const ahead = w->codes + (block + 1) * 32 * channel;
        for (size_t b = 0; b < planes; b += 64) __builtin_prefetch(w->groups + (block + 1) * planes + b);
        if (!is_whole) ck_ask_kept(channel, 1, w, mask, block);
        channel_block now;
        if (!is_whole) gather_block(&now, w, x->codes + 32 * block, mask, block, group);
        for (int part = 0; is_whole && part < 32 / group; part++) {
            const size_t first = 32 * block + (size_t)(part * group);
            gather_panel(&now.part[part], w, x->codes + first, first, group);
        }
        for (size_t unit = 0; unit < 2; unit++) {
            for (size_t b = 16 * channel * unit; is_whole && b < 16 * channel * (unit + 1); b += 64)
                __builtin_prefetch(ahead + b);
            for (int part = 0; part < 32 / group; part++) {
                if (now.part[part].active == 0) continue;
                CK_NAME(add_group)
                (y, w, x, &now.part[part], block, part, unit, bits, group, levels, has_min, offset);
            }
        }
    }
}

CK_TARGET CK_INLINE void CK_NAME(channels_add_form)(float *restrict y, const ck_channels *w,
                                                    const ck_activations *restrict x,
                                                    const uint32_t *restrict mask, size_t block_begin,
                                                    size_t block_end, size_t out_begin, size_t out_end,
                                                    int bits, int group, int levels, int has_min,
                                                    int offset) {
    if (ck_is_panel(w, out_begin, out_end)) {
        CK_NAME(add_panel)(y, w, x, mask, block_begin, block_end, bits, group, levels, has_min, offset);
        return;
    }
    const size_t begin = out_begin / 64, end = units_of(out_end), low = ck_low_bytes(bits);
    int8_t unknown[32];
    memset(unknown, 1, sizeof unknown);
    channel_block blocks[2];
    gather_block(&blocks[0], w, x->codes + 32 * block_begin, mask, block_begin, group);
    for (size_t block = block_begin; block < block_end; block++) {
        const channel_block *const now = &blocks[(block - block_begin) % 2];
        channel_block *const next = &blocks[(block - block_begin + 1) % 2];
        // The first block of a call has nobody before it: it fetches for itself, two lines down each channel.
        const int alone = block == block_begin;
        fetch_list ahead;
        ahead.count = ahead.next = ahead.lines = 0;
        if (32 * (block + 1) < w->channels) {
            // Another call's block: its activations are not known, any but zero will do.
            const int8_t *const act = block + 1 < block_end ? x->codes + 32 * (block + 1) : unknown;
            gather_block(next, w, act, mask, block + 1, group);
            CK_NAME(plan_fetch)(&ahead, w, next, block + 1, begin, end, bits, group, levels, has_min);
        }
        if (!now->any) continue;
        const size_t share = ahead.lines / (end - begin) + 1;
        for (size_t unit = begin; unit < end; unit++) {
            if (ahead.count > 0) fetch_some(&ahead, share);
            for (int part = 0; part < 32 / group; part++) {
                const channel_group *const g = &now->part[part];
                if (g->active == 0) continue;
                if (alone && unit * low % 64 == 0)
                    for (int c = 0; c < g->active; c++) __builtin_prefetch(g->code[c] + unit * low + 128);
                CK_NAME(add_group)(y, w, x, g, block, part, unit, bits, group, levels, has_min, offset);
            }
        }
    }
}

#define CK_FORM(name, bits, group, levels, has_min, offset)                                                \
    CK_TARGET static __attribute__((noinline)) void CK_NAME(channels_add_##name)(                          \
        float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask, size_t block_begin, \
        size_t block_end, size_t out_begin, size_t out_end) {                                              \
        CK_NAME(channels_add_form)                                                                         \
        (y, w, x, mask, block_begin, block_end, out_begin, out_end, bits, group, levels, has_min, offset); \
    }
CK_EACH_FORM(CK_FORM)
#undef CK_FORM

void CK_NAME(ck_channels_add)(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                              size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {
    if (block_begin >= block_end || out_begin >= out_end) return;
#define CK_FORM(name, bits, group, levels, has_min, offset)      \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) \
        return CK_NAME(channels_add_##name)(y, w, x, mask, block_begin, block_end, out_begin, out_end);
    CK_EACH_FORM(CK_FORM)
#undef CK_FORM
    if (ck_is_float(&w->form))
        return ck_neon_channels_add_floats(y, w, x, mask, block_begin, block_end, out_begin, out_end);
    ck_scalar_channels_add(y, w, x, mask, block_begin, block_end, out_begin, out_end);
}
