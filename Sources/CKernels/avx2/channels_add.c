// Sums of channels of integer codes. Scales, minima and y are touched once per block and unit, or two units, of outputs.
// While a block is added, what comes next is asked for: hardware does not follow 32 runs at once.
#include "../ck_internal.h"

#if defined(__x86_64__)
#include "channel_sums.h"

// Where the planes of a group begin for a unit.
typedef struct {
    const uint8_t *scale, *min, *super, *super_min;
} unit_planes;

// Where they begin `u` units on.
CK_INLINE unit_planes planes_at(const unit_planes *restrict at, size_t u, const int levels, const int has_min) {
    const size_t bytes = levels == 1 ? 128 : 64;
    unit_planes later = {at->scale + bytes * u, NULL, NULL, NULL};
    if (has_min) later.min = at->min + bytes * u;
    if (levels == 2) later.super = at->super + 128 * u;
    if (levels == 2 && has_min) later.super_min = at->super_min + 128 * u;
    return later;
}

// Adds to the 64 outputs of a unit what the sums of a group or, where those are scaled, of a block come to. sum: of the
// group's activations.
CK_INLINE void add_scaled(float *restrict y, const int bits, const int levels, const int has_min, const int offset,
                          const __m256i dots[8], const unit_planes *restrict at, float scale, int32_t sum) {
    const int is_done = sums_are_scaled(bits, levels);
    const __m256 scales = _mm256_set1_ps(scale), total = _mm256_set1_ps(scale * (float)sum);
    const __m256i shift = _mm256_set1_epi32(offset * sum);
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        const __m256i dot = offset && !is_done ? _mm256_sub_epi32(dots[i], shift) : dots[i];
        const __m256 value = _mm256_mul_ps(scales, _mm256_cvtepi32_ps(dot));
        __m256 out = _mm256_loadu_ps(y + 8 * i);
        if (levels == 1) {
            out = _mm256_fmadd_ps(halves8(at->scale + 16 * i), value, out);
            if (has_min) out = _mm256_fnmadd_ps(halves8(at->min + 16 * i), total, out);
        } else {
            const __m256 super = halves8(at->super + 16 * i);
            out = _mm256_fmadd_ps(is_done ? super : _mm256_mul_ps(super, bytes8(at->scale + 8 * i)), value, out);
            if (has_min) {
                const __m256 super_min = halves8(at->super_min + 16 * i);
                out = _mm256_fnmadd_ps(_mm256_mul_ps(super_min, bytes8(at->min + 8 * i)), total, out);
            }
        }
        _mm256_storeu_ps(y + 8 * i, out);
    }
}

// What block b adds to the `count` units of outputs from j on: two of nibbles, or one.
CK_INLINE void add_units(const int bits, const int group, const int levels, const int has_min, const int offset,
                         const size_t count, float *restrict y, const ck_channels *restrict w,
                         const ck_activations *restrict x, const channel_block *restrict block, size_t b, size_t j) {
    const size_t padded = ck_pad64(w->outputs), size = levels == 1 ? 2 : 1, parts = 32 / (size_t)group;
    const size_t low = j / 64 * ck_low_bytes(bits);
    const size_t high = padded / 64 * ck_low_bytes(bits) + j / 64 * ck_high_bytes(bits);
    // Scaled sums of both groups of a block are one, and nothing of such a form has both two groups and minima.
    const int is_one = sums_are_scaled(bits, levels) && parts == 2;
    __m256i total[16];
    unit_planes at = {NULL, NULL, NULL, NULL};
    if (levels == 2) at.super = w->supers + b / 8 * w->super_stride + 2 * j;
    if (levels == 2 && has_min) at.super_min = at.super + 2 * padded;
    size_t added = 0;
    for (size_t part = 0; part < parts; part++) {
        const channel_group *const g = &block->part[part];
        if (g->pairs == 0) continue;
        at.scale = w->groups + (b * parts + part) * w->group_stride + j * size;
        if (has_min) at.min = at.scale + padded * size;
        __m256i dots[16];
        if (bits == 4) nibble_sums(dots, levels, offset, count, g, low, at.scale);
        if (bits == 5) five_bit_sums(dots, g, low, high);
        if (bits == 6) six_bit_sums(dots, g, low, high, at.scale);
        if (bits == 8) eight_bit_sums(dots, g, low);
        if (is_one) {
            for (size_t i = 0; i < 8 * count; i++) total[i] = added == 0 ? dots[i] : _mm256_add_epi32(total[i], dots[i]);
            added++;
            continue;
        }
#pragma GCC unroll 2
        for (size_t u = 0; u < count; u++) {
            const unit_planes own = planes_at(&at, u, levels, has_min);
            add_scaled(y + j + 64 * u, bits, levels, has_min, offset, dots + 8 * u, &own, x->scale32[b], g->sum);
        }
    }
    if (added == 0) return;
    for (size_t u = 0; u < count; u++) {
        const unit_planes own = planes_at(&at, u, levels, 0);
        add_scaled(y + j + 64 * u, bits, levels, 0, 0, total + 8 * u, &own, x->scale32[b], 0);
    }
}

// The blocks of a panel.
CK_INLINE void add_panel(const int bits, const int group, const int levels, const int has_min, const int offset,
                         float *restrict y, const ck_channels *restrict w, const ck_activations *restrict x,
                         const uint32_t *restrict mask, size_t block_begin, size_t block_end) {
    const size_t bytes = 32 * 16 * (size_t)bits, parts = 32 / (size_t)group, planes = parts * w->group_stride,
                 count = bits == 4 ? 2 : 1;
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
        if (!is_whole) gather_block(&now, bits, group, w, x, mask, b);
        for (size_t part = 0; is_whole && part < parts; part++)
            gather_panel(&now.part[part], bits, w, x->codes, 32 * b + part * (size_t)group, (size_t)group);
        for (size_t unit = 0; unit < 2; unit += count) {
            for (size_t part = 0; is_whole && part < parts; part++)
                now.part[part].ahead = codes + bytes / 2 * unit + bytes * count / 2 / parts * part;
            add_units(bits, group, levels, has_min, offset, count, y, w, x, &now, b, 64 * unit);
        }
    }
}

CK_INLINE void add_channels(const int bits, const int group, const int levels, const int has_min,
                            const int offset, float *restrict y, const ck_channels *restrict w,
                            const ck_activations *restrict x, const uint32_t *restrict mask,
                            size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {
    if (ck_is_panel(w, out_begin, out_end)) {
        add_panel(bits, group, levels, has_min, offset, y, w, x, mask, block_begin, block_end);
        return;
    }
    const size_t from = out_begin / 64, end = (out_end + 63) / 64;
    for (size_t b = block_begin; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels), kept_next = ck_next_mask(mask, b, w->channels);
        if (kept == 0) continue;
        channel_block now;
        gather_block(&now, bits, group, w, x, mask, b);
        stretch_list ahead;
        list_ahead(&ahead, w, b, kept_next, b - block_begin, block_end - block_begin, from, end,
                   ck_low_bytes(bits), ck_high_bytes(bits));
        line_walk walk = begin_walk(&ahead, bits == 4 ? (end - from + 1) / 2 : end - from, 1);
        for (size_t j = out_begin; j < out_end;) {
            const size_t count = bits == 4 && j + 128 <= out_end ? 2 : 1;
            if (kept_next != 0)
                prefetch_scales(ahead.has_gaps ? &walk : NULL, group, levels, has_min, w, b + 1, j / 64, count);
            prefetch_share(&walk, &ahead);
            if (count == 2) {
                add_units(bits, group, levels, has_min, offset, 2, y, w, x, &now, b, j);
            } else {
                add_units(bits, group, levels, has_min, offset, 1, y, w, x, &now, b, j);
            }
            j += 64 * count;
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
