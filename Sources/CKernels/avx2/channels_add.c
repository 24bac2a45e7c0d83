// Sums of channels of integer codes.
//
// A tile of 64 outputs takes two channels at a time: their codes are interleaved, so that one instruction
// multiplies both with their activations and adds. The 16-bit sums of several pairs stay in registers for as
// long as they cannot overflow. Scales, minima and y are touched once per group and tile. While a block is
// added, the next one's lines are fetched: hardware does not follow 32 runs at once.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "channels_add.h"

// How many pairs a 16-bit sum holds: half of what an addition of two such sums in 32 bits flushes.
CK_INLINE size_t pairs_in_16_bits(const int bits) { return bits == 4 ? 8 : bits == 5 ? 4 : 2; }

// Adds up to pairs_in_16_bits pairs; sum[0] and sum[1] hold outputs 0 ... 7 | 16 ... 23 and 8 ... 15 | 24 ...
// 31, sum[2] and sum[3] the same of the second 32 outputs.
CK_INLINE void add_pairs(__m256i sum[4], const int bits, const channel_group *restrict g, size_t begin,
                         size_t end, size_t low, size_t high) {
    const __m256i nibble = _mm256_set1_epi8(15);
    for (int i = 0; i < 4; i++) sum[i] = _mm256_setzero_si256();
    for (size_t p = begin; p < end; p++) {
        const uint8_t *const a = g->code[2 * p], *const b = g->code[2 * p + 1];
        const __m256i x = _mm256_set1_epi32((int)g->pair[p]);
        __m256i c[4];
        fetch_pair(bits, g, p);
        if (bits == 4) {
            const __m256i one = load32(a + low), other = load32(b + low);
            const __m256i first = _mm256_unpacklo_epi8(one, other), second = _mm256_unpackhi_epi8(one, other);
            c[0] = _mm256_and_si256(first, nibble);
            c[1] = _mm256_and_si256(second, nibble);
            c[2] = _mm256_and_si256(_mm256_srli_epi16(first, 4), nibble);
            c[3] = _mm256_and_si256(_mm256_srli_epi16(second, 4), nibble);
        } else {
            __m256i one[2], other[2];
            unit_codes(one, bits, a + low, a + high);
            unit_codes(other, bits, b + low, b + high);
            for (int i = 0; i < 2; i++) {
                c[2 * i] = _mm256_unpacklo_epi8(one[i], other[i]);
                c[2 * i + 1] = _mm256_unpackhi_epi8(one[i], other[i]);
            }
        }
        for (int i = 0; i < 4; i++) sum[i] = _mm256_add_epi16(sum[i], _mm256_maddubs_epi16(c[i], x));
    }
}

// Integer sums of 64 outputs, eight to a vector and in order. low, high: bytes from a channel to these
// outputs in either plane.
CK_INLINE void tile_sums(__m256i dots[8], const int bits, const channel_group *restrict g, size_t low,
                         size_t high) {
    __m256i wide[8];
    for (int i = 0; i < 8; i++) wide[i] = _mm256_setzero_si256();
    if (bits == 8) {
        for (size_t p = 0; p < g->pairs; p++) {
            const __m256i x = _mm256_set1_epi32((int)g->pair[p]);
            fetch_pair(bits, g, p);
            for (size_t i = 0; i < 4; i++) {
                const __m256i a = _mm256_cvtepi8_epi16(load16(g->code[2 * p] + low + 16 * i));
                const __m256i b = _mm256_cvtepi8_epi16(load16(g->code[2 * p + 1] + low + 16 * i));
                wide[2 * i] =
                    _mm256_add_epi32(wide[2 * i], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), x));
                wide[2 * i + 1] =
                    _mm256_add_epi32(wide[2 * i + 1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), x));
            }
        }
        for (int i = 0; i < 4; i++) {
            dots[2 * i] = _mm256_permute2x128_si256(wide[2 * i], wide[2 * i + 1], 0x20);
            dots[2 * i + 1] = _mm256_permute2x128_si256(wide[2 * i], wide[2 * i + 1], 0x31);
        }
        return;
    }
    const __m256i one = _mm256_set1_epi16(1);
    const size_t limit = pairs_in_16_bits(bits);
    for (size_t p = 0; p < g->pairs; p += 2 * limit) {
        const size_t middle = p + limit < g->pairs ? p + limit : g->pairs;
        const size_t end = p + 2 * limit < g->pairs ? p + 2 * limit : g->pairs;
        __m256i first[4], second[4];
        add_pairs(first, bits, g, p, middle, low, high);
        add_pairs(second, bits, g, middle, end, low, high);
        for (int i = 0; i < 4; i++) {
            const __m256i lower = _mm256_unpacklo_epi16(first[i], second[i]);
            const __m256i upper = _mm256_unpackhi_epi16(first[i], second[i]);
            wide[2 * i] = _mm256_add_epi32(wide[2 * i], _mm256_madd_epi16(lower, one));
            wide[2 * i + 1] = _mm256_add_epi32(wide[2 * i + 1], _mm256_madd_epi16(upper, one));
        }
    }
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++) {
            const __m256i a = wide[4 * i + 2 * k], b = wide[4 * i + 2 * k + 1];
            dots[4 * i + k] = _mm256_permute2x128_si256(a, b, 0x20);
            dots[4 * i + 2 + k] = _mm256_permute2x128_si256(a, b, 0x31);
        }
    }
}

// Where the planes of one group begin for one tile.
typedef struct {
    const uint8_t *scale, *min, *super, *super_min;
} tile_planes;

CK_INLINE void add_tile(float *restrict y, const int levels, const int has_min, const int offset,
                        const __m256i dots[8], const tile_planes *restrict at, float scale, int32_t sum) {
    const __m256 scales = _mm256_set1_ps(scale), total = _mm256_set1_ps(scale * (float)sum);
    const __m256i shift = _mm256_set1_epi32(offset * sum);
    for (size_t i = 0; i < 8; i++) {
        const __m256i dot = offset ? _mm256_sub_epi32(dots[i], shift) : dots[i];
        const __m256 value = _mm256_mul_ps(scales, _mm256_cvtepi32_ps(dot));
        __m256 out = _mm256_loadu_ps(y + 8 * i);
        if (levels == 1) {
            out = _mm256_fmadd_ps(halves8(at->scale + 16 * i), value, out);
            if (has_min) out = _mm256_fnmadd_ps(halves8(at->min + 16 * i), total, out);
        } else {
            const __m256 super = halves8(at->super + 16 * i);
            out = _mm256_fmadd_ps(_mm256_mul_ps(super, bytes8(at->scale + 8 * i)), value, out);
            if (has_min) {
                const __m256 super_min = halves8(at->super_min + 16 * i);
                out = _mm256_fnmadd_ps(_mm256_mul_ps(super_min, bytes8(at->min + 8 * i)), total, out);
            }
        }
        _mm256_storeu_ps(y + 8 * i, out);
    }
}

// What the group `part` of block b adds to the 64 outputs from j on.
CK_INLINE void add_group(const int bits, const int group, const int levels, const int has_min,
                         const int offset, float *restrict y, const ck_channels *restrict w,
                         const ck_activations *restrict x, const channel_group *restrict g, size_t b,
                         size_t part, size_t j) {
    const size_t padded = ck_pad64(w->outputs), size = levels == 1 ? 2 : 1;
    const size_t low = j / 64 * unit_low_bytes(bits);
    const size_t high = padded / 64 * unit_low_bytes(bits) + j / 64 * unit_high_bytes(bits);
    tile_planes at;
    at.scale = w->groups + (b * (32 / (size_t)group) + part) * w->group_stride + j * size;
    at.min = at.scale + padded * size;
    at.super = levels == 2 ? w->supers + b / 8 * w->super_stride + 2 * j : NULL;
    at.super_min = levels == 2 ? at.super + 2 * padded : NULL;
    __m256i dots[8];
    tile_sums(dots, bits, g, low, high);
    add_tile(y + j, levels, has_min, offset, dots, &at, x->scale32[b], g->sum);
}

// The blocks of a panel.
CK_INLINE void add_panel(const int bits, const int group, const int levels, const int has_min, const int offset,
                         float *restrict y, const ck_channels *restrict w, const ck_activations *restrict x,
                         const uint32_t *restrict mask, size_t block_begin, size_t block_end) {
    const size_t bytes = 32 * 16 * (size_t)bits, parts = 32 / (size_t)group, planes = parts * w->group_stride;
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels);
        if (kept == 0) continue;
        const int is_whole = kept == 0xffffffff;
        // With one block ahead 4-bit codes came with 39 GB/s, with three 52 (Zen 5, 2 threads; plain reading 68).
        const char *const codes = (const char *)w->codes + (b + 3) * bytes;
        const char *const scales = (const char *)w->groups + (b + 4) * planes;
        for (size_t i = 0; i < planes; i += 64) ck_ask(scales + i);
        if (!is_whole) ck_ask_kept(16 * (size_t)bits, 4096, w, mask, b);
        channel_block now;
        channel_group *const g = now.part;
        if (!is_whole) gather_block(&now, bits, group, w, x, mask, b);
        for (size_t part = 0; is_whole && part < parts; part++)
            gather_panel(&g[part], bits, w, x->codes, 32 * b + part * (size_t)group, (size_t)group);
        for (size_t unit = 0; unit < 2; unit++) {
            for (size_t part = 0; part < parts; part++) {
                if (g[part].pairs == 0) continue;
                g[part].ahead = is_whole ? codes + bytes / 2 * unit + bytes / 2 / parts * part : NULL;
                add_group(bits, group, levels, has_min, offset, y, w, x, &g[part], b, part, 64 * unit);
            }
        }
    }
}

CK_INLINE void add_channels(const int bits, const int group, const int levels, const int has_min,
                            const int offset, float *restrict y, const ck_channels *restrict w,
                            const ck_activations *restrict x, const uint32_t *restrict mask,
                            size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {
    const size_t parts = group == 16 ? 2 : 1;
    if (ck_is_panel(w, out_begin, out_end)) {
        add_panel(bits, group, levels, has_min, offset, y, w, x, mask, block_begin, block_end);
        return;
    }
    const size_t high = ck_pad64(w->outputs) / 64 * unit_low_bytes(bits), from = out_begin / 64,
                 units = (out_end + 63) / 64 - from;
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels), kept_next = ck_next_mask(mask, b, w->channels);
        if (kept == 0) continue;
        channel_block now;
        gather_block(&now, bits, group, w, x, mask, b);
        stretch_list ahead;
        if (w->ahead.count != 0) {
            const ck_ahead share = ck_ahead_share(&w->ahead, b - block_begin, block_end - block_begin);
            list_records(&ahead, &share);
        } else {
            list_stretches(&ahead, w, b + 1, kept_next, unit_low_bytes(bits) * from, unit_low_bytes(bits) * units,
                           high + unit_high_bytes(bits) * from, unit_high_bytes(bits) * units);
        }
        line_walk walk = begin_walk(&ahead, units, 1);
        for (size_t j = out_begin; j < out_end; j += 64) {
            if (kept_next != 0) prefetch_scales(ahead.has_gaps ? &walk : NULL, group, levels, has_min, w, b + 1, j / 64, 1);
            prefetch_share(&walk, &ahead);
            for (size_t part = 0; part < parts; part++) {
                const channel_group *g = &now.part[part];
                if (g->pairs == 0) continue;
                add_group(bits, group, levels, has_min, offset, y, w, x, g, b, part, j);
            }
        }
    }
}

#define FORM(name, bits, group, levels, has_min, offset)                                                     \
    CK_AVX2 static void add_##name(float *restrict y, const ck_channels *restrict w,                         \
                                   const ck_activations *restrict x, const uint32_t *restrict mask,          \
                                   size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) { \
        add_channels(bits, group, levels, has_min, offset, y, w, x, mask, block_begin, block_end, out_begin, \
                     out_end);                                                                               \
    }
CK_EACH_FORM(FORM)
#undef FORM

void ck_avx2_channels_add(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                          size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {
    if (block_begin >= block_end || out_begin >= out_end) return;
#define FORM(name, bits, group, levels, has_min, offset)                       \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) {             \
        add_##name(y, w, x, mask, block_begin, block_end, out_begin, out_end); \
        return;                                                                \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    if (ck_is_float(&w->form)) {
        ck_avx2_channels_add_floats(y, w, x, mask, block_begin, block_end, out_begin, out_end);
    } else {
        ck_scalar_channels_add(y, w, x, mask, block_begin, block_end, out_begin, out_end);
    }
}
#endif
