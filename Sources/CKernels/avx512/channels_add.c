#include "../ck_internal.h"

#if defined(__x86_64__)
#include "avx512.h"
#include "lanes.h"
#include "../x86/prefetch.h"
#include "group_list.h"

// What a group's sums begin with when codes are unsigned: what their offset adds, or the 128 of 8-bit ones.
CK_INLINE __m512i offset_sum(const int bits, const int offset, const group_list *list) {
    return _mm512_set1_epi32(-(bits == 8 ? 128 : offset) * list->total);
}

// The four runs interleaved: dword d of lane L of t[k] holds byte 16 L + 4 k + d of each.
CK_INLINE void interleave(__m512i r0, __m512i r1, __m512i r2, __m512i r3, __m512i t[4]) {
    const __m512i a = _mm512_unpacklo_epi8(r0, r1), b = _mm512_unpackhi_epi8(r0, r1);
    const __m512i c = _mm512_unpacklo_epi8(r2, r3), d = _mm512_unpackhi_epi8(r2, r3);
    t[0] = _mm512_unpacklo_epi16(a, c);
    t[1] = _mm512_unpackhi_epi16(a, c);
    t[2] = _mm512_unpacklo_epi16(b, d);
    t[3] = _mm512_unpackhi_epi16(b, d);
}

CK_INLINE void interleave_half(const uint8_t *const run[4], size_t at, __m256i t[4]) {
    const __m256i r0 = _mm256_loadu_si256((const __m256i *)(run[0] + at));
    const __m256i r1 = _mm256_loadu_si256((const __m256i *)(run[1] + at));
    const __m256i r2 = _mm256_loadu_si256((const __m256i *)(run[2] + at));
    const __m256i r3 = _mm256_loadu_si256((const __m256i *)(run[3] + at));
    const __m256i a = _mm256_unpacklo_epi8(r0, r1), b = _mm256_unpackhi_epi8(r0, r1);
    const __m256i c = _mm256_unpacklo_epi8(r2, r3), d = _mm256_unpackhi_epi8(r2, r3);
    t[0] = _mm256_unpacklo_epi16(a, c);
    t[1] = _mm256_unpackhi_epi16(a, c);
    t[2] = _mm256_unpacklo_epi16(b, d);
    t[3] = _mm256_unpackhi_epi16(b, d);
}

// Turns acc[k], whose lane L holds dwords 4 k ... of 16 L ..., into four vectors of 16 dwords in order.
CK_INLINE void lanes_in_order(__m512i acc[4]) {
    const __m512i a = _mm512_shuffle_i32x4(acc[0], acc[1], 0x44),
                  b = _mm512_shuffle_i32x4(acc[2], acc[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(acc[0], acc[1], 0xee),
                  d = _mm512_shuffle_i32x4(acc[2], acc[3], 0xee);
    acc[0] = _mm512_shuffle_i32x4(a, b, 0x88);
    acc[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
    acc[2] = _mm512_shuffle_i32x4(c, d, 0x88);
    acc[3] = _mm512_shuffle_i32x4(c, d, 0xdd);
}

CK_INLINE __m512i sub_scales(const uint8_t *p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}

// sum + what a block adds to the outputs j ..< j + 16, from the sums of its one or two groups. With sub scales
// the two are one sum of integers, and one addition of floats. planes: of the two groups.
CK_INLINE __m512 add_scaled(const int group, const int levels, const int has_min, __m512 sum, size_t outputs,
                            const uint8_t *const planes[2], const uint8_t *restrict super, size_t j,
                            __m512i first, __m512i second, const group_list *list) {
    __m512 scale, min = _mm512_setzero_ps();
    if (levels == 1) {
        scale = halves(planes[0] + 2 * j);
        if (has_min) min = _mm512_mul_ps(halves(planes[0] + 2 * (outputs + j)), _mm512_set1_ps(list->sum));
    } else {
        scale = halves(super + 2 * j);
        first = _mm512_mullo_epi32(first, sub_scales(planes[0] + j));
        if (group == 16)
            first = _mm512_add_epi32(first, _mm512_mullo_epi32(second, sub_scales(planes[1] + j)));
        if (has_min) {
            const __m512 sub = _mm512_cvtepi32_ps(sub_scales(planes[0] + outputs + j));
            min = _mm512_mul_ps(_mm512_mul_ps(sub, _mm512_set1_ps(list->sum)),
                                halves(super + 2 * (outputs + j)));
        }
    }
    const __m512 value = _mm512_mul_ps(_mm512_set1_ps(list->scale), _mm512_cvtepi32_ps(first));
    if (has_min) sum = _mm512_sub_ps(sum, min);
    return _mm512_fmadd_ps(scale, value, sum);
}

// Sums of 128 outputs from two units of 4- or 6-bit codes. A byte is multiplied whole and without its low
// nibble: the difference is the low one's sum, and no code is shifted before the end.
CK_INLINE void products128(const int bits, const int group, const int offset, const layout lies,
                           const group_list *restrict list, size_t unit, size_t high, __m512i low_sum[4],
                           __m512i high_sum[4], line_walk *restrict walk, const stretch_list *restrict ahead) {
    const __m512i nibble = _mm512_set1_epi8((char)0xf0), zero = _mm512_setzero_si512();
    // Of the upper bits, twice: lanes 0 and 2 are for the first halves of both units, 1 and 3 for the second.
    const __m512i lower =
        _mm512_set_epi64(0x0c0c0c0c0c0c0c0c, 0x0c0c0c0c0c0c0c0c, 0x0303030303030303, 0x0303030303030303,
                         0x0c0c0c0c0c0c0c0c, 0x0c0c0c0c0c0c0c0c, 0x0303030303030303, 0x0303030303030303);
    const __m512i upper = _mm512_slli_epi16(lower, 4);
    __m512i lower_sum[4], upper_sum[4];
    for (int k = 0; k < 4; k++) low_sum[k] = high_sum[k] = lower_sum[k] = upper_sum[k] = zero;
    for (size_t q = 0; q < fours_of(group, lies, list); q++) {
        const uint8_t *run[4];
        runs_of_four(bits, lies, list, q, run);
        if (lies == WHOLE_PANEL) prefetch_panel(bits, run[0], 0, 1);
        if (lies == IN_ORDER || lies == WITH_GAPS) prefetch_turn(lies == WITH_GAPS, walk, ahead);
        const size_t at = 32 * unit;
        __m512i t[4];
        interleave(_mm512_loadu_si512(run[0] + at), _mm512_loadu_si512(run[1] + at),
                   _mm512_loadu_si512(run[2] + at), _mm512_loadu_si512(run[3] + at), t);
        const __m512i x = _mm512_set1_epi32(list->activations[q]);
        for (int k = 0; k < 4; k++) {
            low_sum[k] = _mm512_dpbusd_epi32(low_sum[k], t[k], x);
            high_sum[k] = _mm512_dpbusd_epi32(high_sum[k], _mm512_and_si512(t[k], nibble), x);
        }
        if (bits != 6) continue;
        __m256i two[4];
        interleave_half(run, high + 16 * unit, two);
        for (int k = 0; k < 4; k++) {
            const __m512i twice = _mm512_permutexvar_epi64(_mm512_set_epi64(3, 2, 3, 2, 1, 0, 1, 0),
                                                           _mm512_castsi256_si512(two[k]));
            lower_sum[k] = _mm512_dpbusd_epi32(lower_sum[k], _mm512_and_si512(twice, lower), x);
            upper_sum[k] = _mm512_dpbusd_epi32(upper_sum[k], _mm512_and_si512(twice, upper), x);
        }
    }
    const __m512i start = offset_sum(bits, offset, list);
    for (int k = 0; k < 4; k++) {
        low_sum[k] = _mm512_sub_epi32(low_sum[k], high_sum[k]);
        if (bits == 6) {
            const __m512i places = _mm512_set_epi64(0x200000002, 0x200000002, 0x400000004, 0x400000004,
                                                    0x200000002, 0x200000002, 0x400000004, 0x400000004);
            low_sum[k] = _mm512_add_epi32(low_sum[k], _mm512_sllv_epi32(lower_sum[k], places));
            high_sum[k] = _mm512_add_epi32(high_sum[k], _mm512_sllv_epi32(upper_sum[k], places));
        }
        high_sum[k] = _mm512_srai_epi32(high_sum[k], 4);
        if (offset) {
            low_sum[k] = _mm512_add_epi32(low_sum[k], start);
            high_sum[k] = _mm512_add_epi32(high_sum[k], start);
        }
    }
    lanes_in_order(low_sum);
    lanes_in_order(high_sum);
}

// Sums of the 64 outputs of one unit, of any integer form.
CK_INLINE void products64(const int bits, const int group, const int offset, const layout lies,
                          const group_list *restrict list, size_t unit, size_t high, __m512i sum[4],
                          line_walk *restrict walk, const stretch_list *restrict ahead) {
    const __m512i sign = _mm512_set1_epi8(-128);
    for (int k = 0; k < 4; k++) sum[k] = offset_sum(bits, offset, list);
    for (size_t q = 0; q < fours_of(group, lies, list); q++) {
        const uint8_t *run[4];
        runs_of_four(bits, lies, list, q, run);
        if (lies == WHOLE_PANEL) prefetch_panel(bits, run[0], unit, 2);
        if (lies == IN_ORDER || lies == WITH_GAPS) prefetch_turn(lies == WITH_GAPS, walk, ahead);
        __m512i codes[4], t[4];
        for (int c = 0; c < 4; c++) {
            codes[c] = unit_codes(bits, run[c], run[c] + high, unit);
            if (bits == 8) codes[c] = _mm512_xor_si512(codes[c], sign);
        }
        interleave(codes[0], codes[1], codes[2], codes[3], t);
        const __m512i x = _mm512_set1_epi32(list->activations[q]);
        for (int k = 0; k < 4; k++) sum[k] = _mm512_dpbusd_epi32(sum[k], t[k], x);
    }
    lanes_in_order(sum);
}

// Whether two units are added together.
CK_INLINE int in_pairs(const int bits) { return bits == 4 || bits == 6; }

// Adds what a block's channels give to the units from ..< end. ahead: what is asked for meanwhile; NULL of panels.
CK_INLINE void add_units(const int bits, const int group, const int levels, const int has_min, const int offset,
                         const layout lies, __m512_u *restrict y, const ck_channels *restrict w,
                         const group_list list[2], line_walk *restrict walk, const stretch_list *restrict ahead,
                         size_t b, uint32_t kept_next, size_t from, size_t end) {
    const int is_panel = lies == WHOLE_PANEL || lies == MASKED_PANEL;
    const size_t outputs = is_panel ? 128 : ck_pad64(w->outputs), high = outputs / 2;
    const int parts = 32 / group;
    const size_t g = b * 32 / (size_t)group;
    const uint8_t *const planes[2] = {w->groups + g * w->group_stride,
                                      w->groups + (g + (size_t)parts - 1) * w->group_stride};
    const uint8_t *super = levels == 2 ? w->supers + b / 8 * w->super_stride : NULL;
    for (size_t unit = from; unit < end;) {
        const int wide = in_pairs(bits) && unit + 2 <= end;
        const size_t units = wide ? 2 : 1;
        // The planes of a panel are short: with one block ahead the core would wait. Of 6 bits the scales are too few
        // beside the codes to gain from the pace.
        if (kept_next != 0) {
            prefetch_scales((lies == WITH_GAPS || lies == IN_BURSTS) && bits != 6 ? walk : NULL, group, levels, has_min, w,
                            b + (is_panel ? 4 : 1), unit, units);
        }
        if (lies == IN_BURSTS) prefetch_burst(walk, ahead);
        __m512i first[2][4], rest[2][4];
        for (int part = 0; part < parts; part++) {
            if (wide) {
                products128(bits, group, offset, lies, &list[part], unit, high, first[part], rest[part], walk,
                            ahead);
            } else {
                products64(bits, group, offset, lies, &list[part], unit, high, first[part], walk, ahead);
            }
        }
        const int second = parts - 1;
        for (size_t k = 0; k < 4; k++) {
            const size_t j = wide ? 64 * (unit + k / 2) + 16 * (k % 2) : 64 * unit + 16 * k;
            y[j / 16] = add_scaled(group, levels, has_min, y[j / 16], outputs, planes, super, j, first[0][k],
                                   first[second][k], &list[0]);
            if (wide) {
                y[j / 16 + 2] = add_scaled(group, levels, has_min, y[j / 16 + 2], outputs, planes, super, j + 32,
                                           rest[0][k], rest[second][k], &list[0]);
            }
        }
        unit += units;
    }
}

// What a block of a panel adds to its outputs.
CK_INLINE void add_panel_block(const int bits, const int group, const int levels, const int has_min,
                               const int offset, const layout lies, __m512_u *restrict y,
                               const ck_channels *restrict w, const ck_activations *restrict x,
                               const uint32_t *restrict mask, size_t b, uint32_t kept) {
    group_list list[2];
    collect_block(list, group, lies == WHOLE_PANEL, w, x, kept, b);
    if (lies == MASKED_PANEL) ck_ask_kept(16 * (size_t)bits, 4096, w, mask, b);
    add_units(bits, group, levels, has_min, offset, lies, y, w, list, NULL, NULL, b,
              ck_next_mask(mask, b, w->channels), 0, 2);
}

// What a block of channels adds to the units from ..< end.
CK_INLINE void add_block(const int bits, const int group, const int levels, const int has_min,
                         const int offset, __m512_u *restrict y, const ck_channels *restrict w,
                         const ck_activations *restrict x, const stretch_list *restrict ahead, size_t b,
                         uint32_t kept, uint32_t kept_next, size_t from, size_t end) {
    group_list list[2];
    collect_block(list, group, 0, w, x, kept, b);
    const size_t fours = list[0].fours + (group == 16 ? list[1].fours : 0);
    line_walk walk = begin_walk(ahead, in_pairs(bits) ? (end - from + 1) / 2 : end - from, fours);
    if (ck_asks_second_cache) {
        add_units(bits, group, levels, has_min, offset, IN_BURSTS, y, w, list, &walk, ahead, b, kept_next, from,
                  end);
    } else if (ahead->has_gaps) {
        add_units(bits, group, levels, has_min, offset, WITH_GAPS, y, w, list, &walk, ahead, b, kept_next, from,
                  end);
    } else {
        add_units(bits, group, levels, has_min, offset, IN_ORDER, y, w, list, &walk, ahead, b, kept_next, from,
                  end);
    }
}

CK_INLINE void add_form(const int bits, const int group, const int levels, const int has_min,
                        const int offset, float *restrict y, const ck_channels *restrict w,
                        const ck_activations *restrict x, const uint32_t *restrict mask, size_t block_begin,
                        size_t block_end, size_t out_begin, size_t out_end) {
    const size_t from = out_begin / 64, end = (out_end + 63) / 64;
    if (from >= end) return;
    __m512_u *const sums = (__m512_u *)y;
    size_t b = block_begin;
    if (ck_is_panel(w, out_begin, out_end)) {
        touch_planes(group, levels, w);
        __m512 sum[8];
        for (size_t i = 0; i < 8; i++) sum[i] = sums[i];
        for (; b < block_end; b++) {
            const uint32_t kept = ck_block_mask(mask, b, w->channels);
            if (kept == 0xffffffff) {
                add_panel_block(bits, group, levels, has_min, offset, WHOLE_PANEL, sum, w, x, mask, b, kept);
            } else if (kept != 0) {
                add_panel_block(bits, group, levels, has_min, offset, MASKED_PANEL, sum, w, x, mask, b, kept);
            }
        }
        for (size_t i = 0; i < 8; i++) sums[i] = sum[i];
        return;
    }
    for (; b < block_end; b++) {
        const uint32_t kept = ck_block_mask(mask, b, w->channels);
        if (kept == 0) continue;
        const uint32_t kept_next = ck_next_mask(mask, b, w->channels);
        stretch_list ahead;
        list_ahead(&ahead, w, b, kept_next, b - block_begin, block_end - block_begin, from, end,
                   ck_low_bytes(bits), ck_high_bytes(bits));
        add_block(bits, group, levels, has_min, offset, sums, w, x, &ahead, b, kept, kept_next, from, end);
    }
}

#define FORM(name, bits, group, levels, has_min, offset)                                                 \
    static void add_##name(float *restrict y, const ck_channels *restrict w,                             \
                           const ck_activations *restrict x, const uint32_t *restrict mask,              \
                           size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {     \
        add_form(bits, group, levels, has_min, offset, y, w, x, mask, block_begin, block_end, out_begin, \
                 out_end);                                                                               \
    }
CK_EACH_FORM(FORM)
#undef FORM

void ck_avx512_channels_add(float *y, const ck_channels *w, const ck_activations *x, const uint32_t *mask,
                            size_t block_begin, size_t block_end, size_t out_begin, size_t out_end) {
    if (ck_is_float(&w->form)) {
        ck_avx512_channels_add_floats(y, w, x, mask, block_begin, block_end, out_begin, out_end);
        return;
    }
#define FORM(name, bits, group, levels, has_min, offset)                       \
    if (form_is(&w->form, bits, group, levels, has_min, offset)) {             \
        add_##name(y, w, x, mask, block_begin, block_end, out_begin, out_end); \
        return;                                                                \
    }
    CK_EACH_FORM(FORM)
#undef FORM
    ck_scalar_channels_add(y, w, x, mask, block_begin, block_end, out_begin, out_end);
}
CK_TARGET_END
#endif
